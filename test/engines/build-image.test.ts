import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildImage } from '../../src/localfs/build-image.ts';
import { openCheckpoint } from '../../src/localfs/open-checkpoint.ts';
import { sha256Of } from '../../src/localfs/sha256.ts';
import { atEnd, folderFor, needsRuntime, until } from '../runtime.ts';
import { type Containerd, startContainerd } from './containerd.ts';
import { makeRootfs, writeImage } from './image.ts';
import { must } from './program.ts';

test('buildImage + Podman loads the image and restores the container from it', needsRuntime, async (t) => {
  const folder = folderFor(t, 'build');
  await makeRootfs(join(folder, 'rootfs'));
  const image = join(folder, 'image.tar');
  const reference = `localhost/build:${process.pid}`;
  await writeImage(image, join(folder, 'rootfs'), reference, ['/bin/counter']);
  const name = `build-${process.pid}`;
  const checkpointImage = `localhost/build-checkpoint:${process.pid}`;
  await must('podman', ['load', '--quiet', '--input', image]);
  atEnd(t, async () => {
    await must('podman', ['rm', '--force', '--time=0', name]);
    await must('podman', ['rmi', '--force', reference, checkpointImage]);
  });
  await must('podman', ['run', '--detach', '--network=none', `--name=${name}`, reference]);
  const count = async (): Promise<number> => Number(await must('podman', ['exec', name, 'cat', '/count']));
  await until('the counter to count', async () => (await count()) >= 3);
  const archive = join(folder, 'archive.tar.zst');
  await must('podman', ['container', 'checkpoint', `--export=${archive}`, name]);
  await must('podman', ['rm', name]);

  const path = join(folder, 'checkpoint.oci.tar');
  await buildImage({ checkpoint: archive, image: checkpointImage, target: { kind: 'archive', path } });
  await must('podman', ['load', '--quiet', '--input', path]);
  const found = JSON.parse(await must('podman', ['image', 'inspect', checkpointImage]));
  assert.equal(found[0].Annotations['io.podman.annotations.checkpoint.name'], name);
  await sameAsSaved(folder, archive, checkpointImage);
  await must('podman', ['container', 'restore', checkpointImage]);
  assert.ok((await until('the counter to go on', count)) >= 3);
});

/** What Podman saves of the image, in every way it knows, is the checkpoint again, packed or not. */
async function sameAsSaved(folder: string, archive: string, image: string): Promise<void> {
  const expected = await digestsOf(archive);
  for (const format of ['oci-archive', 'docker-archive']) {
    const path = join(folder, `${format}.tar`);
    await must('podman', ['save', '--quiet', `--format=${format}`, `--output=${path}`, image]);
    await must('gzip', ['--keep', path]);
    await must('zstd', ['--quiet', path]);
    for (const one of [path, `${path}.gz`, `${path}.zst`])
      assert.deepEqual(await digestsOf(one), expected, one);
  }
  const layout = join(folder, 'oci-dir');
  await must('podman', ['save', '--quiet', '--format=oci-dir', `--output=${layout}`, image]);
  assert.deepEqual(await digestsOf(layout), expected);
}

async function digestsOf(path: string): Promise<Record<string, string>> {
  const checkpoint = await openCheckpoint(path);
  try {
    await checkpoint.prepare({ keep: () => 'all' });
    const found: Record<string, string> = {};
    const { files } = await checkpoint.members();
    for (const { name } of files) found[name] = sha256Of(await checkpoint.read(name));
    assert.ok(found['config.dump'], path);
    return found;
  } finally {
    await checkpoint.close();
  }
}

test('buildImage + containerd imports the image and takes it for a checkpoint', needsRuntime, async (t) => {
  const folder = folderFor(t, 'ctd');
  await makeRootfs(join(folder, 'rootfs'));
  const image = 'localhost/checkpoint:1';
  const path = join(folder, 'checkpoint.oci.tar');
  const checkpoint = join(import.meta.dirname, '../../fixtures/archives/containerd-2.1.9-crun.tar');
  await buildImage({ checkpoint, image, target: { kind: 'archive', path } });
  const containerd = await startContainerd(join(folder, 'c'), join(folder, 'rootfs'));
  try {
    await containerd.load(path);
    // A checkpoint brings its own command, and containerd asks for the image it ran from: what fails is the
    // registry in it, which is not there. Of any other image it would miss a command.
    await assert.rejects(createFrom(containerd, image, folder), /localhost:5000/);
  } finally {
    // Before the folder is removed, in which it mounts.
    await containerd.stop();
  }
});

async function createFrom({ runtime }: Containerd, image: string, folder: string): Promise<void> {
  const sandboxConfig = {
    metadata: { name: 'pod', namespace: 'default', uid: 'u', attempt: 0 },
    linux: { cgroupParent: '/pods' },
    logDirectory: folder,
  };
  const { podSandboxId } = await runtime.runPodSandbox({ config: sandboxConfig, runtimeHandler: 'crun' });
  const config = { metadata: { name: 'c', attempt: 0 }, image: { image }, logPath: 'log' };
  await runtime.createContainer({ podSandboxId, config, sandboxConfig });
}
