import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { atEnd, folderFor, needsRuntime, runFor, until } from '../runtime.ts';
import { startContainerd } from './containerd.ts';
import { makeRootfs, writeImage } from './image.ts';
import { must } from './program.ts';

/** The number that the sample program has reached. */
const countIn = (rootfs: string): number => Number(readFileSync(join(rootfs, 'count'), 'utf8'));

test('the machine: criu finds all that it needs in the kernel', needsRuntime, async (t) => {
  const check = await runFor(t, 'criu', ['check']);
  assert.deepEqual(check, { status: 0, stdout: 'Looks good.\n', stderr: '' });
});

for (const runtime of ['crun', 'runc']) {
  test(
    `the machine: ${runtime} checkpoints a process and restores it where it was`,
    needsRuntime,
    async (t) => {
      const bundle = folderFor(t, runtime);
      const rootfs = join(bundle, 'rootfs');
      await makeRootfs(rootfs);
      await must(runtime, ['spec'], bundle);
      const file = join(bundle, 'config.json');
      const config = JSON.parse(readFileSync(file, 'utf8'));
      Object.assign(config.process, { terminal: false, args: ['/bin/counter'] });
      config.root.readonly = false;
      writeFileSync(file, JSON.stringify(config));
      const images = join(bundle, 'images');
      mkdirSync(images);
      const id = `machine-${runtime}-${process.pid}`;
      atEnd(t, () => must(runtime, ['delete', '--force', id]).catch(() => {}));

      const quietly = (command: string): Promise<string> =>
        must('sh', ['-c', `exec ${command} > /dev/null 2>&1`], bundle);
      await quietly(`${runtime} run --detach --bundle ${bundle} ${id}`);
      await until('the counter to count', () => countIn(rootfs) >= 3);
      await must(runtime, ['checkpoint', '--image-path', images, '--work-path', bundle, id]);
      const cut = countIn(rootfs);
      await quietly(
        `${runtime} restore --detach --image-path ${images} --work-path ${bundle} --bundle ${bundle} ${id}`,
      );
      // a process that had started anew would have emptied the file and begun at one
      await until('the count to change', () => countIn(rootfs) !== cut);
      assert.ok(countIn(rootfs) > cut);
      assert.equal(JSON.parse(await must(runtime, ['state', id])).status, 'running');
    },
  );
}

test('the machine: podman exports a checkpoint and imports it', needsRuntime, async (t) => {
  const folder = folderFor(t, 'podman');
  await makeRootfs(join(folder, 'rootfs'));
  const image = join(folder, 'image.tar');
  const reference = `localhost/machine:${process.pid}`;
  await writeImage(image, join(folder, 'rootfs'), reference, ['/bin/counter']);
  const name = `machine-${process.pid}`;
  const archive = join(folder, 'archive.tar.zst');
  await must('podman', ['load', '--quiet', '--input', image]);
  atEnd(t, async () => {
    await must('podman', ['rm', '--force', '--time=0', name]);
    await must('podman', ['rmi', '--force', reference]);
  });

  await must('podman', ['run', '--detach', '--network=none', `--name=${name}`, reference]);
  const count = async (): Promise<number> => Number(await must('podman', ['exec', name, 'cat', '/count']));
  await until('the counter to count', async () => (await count()) >= 3);
  await must('podman', ['container', 'checkpoint', '--compress=zstd', `--export=${archive}`, name]);
  await must('podman', ['rm', name]);
  assert.match(await must('checkpointctl', ['show', archive]), new RegExp(`${name} .*Podman`));
  await must('podman', ['container', 'restore', `--import=${archive}`]);
  const restored = await count();
  assert.ok(restored >= 3);
  await until('the counter to go on', async () => (await count()) > restored);
});

test('the machine: containerd runs a pod and checkpoints a container of it', needsRuntime, async (t) => {
  const folder = folderFor(t, 'ctd');
  await makeRootfs(join(folder, 'rootfs'));
  const image = join(folder, 'image.tar');
  await writeImage(image, join(folder, 'rootfs'), 'localhost/counter:1', ['/bin/counter']);
  const containerd = await startContainerd(join(folder, 'c'), join(folder, 'rootfs'));
  atEnd(t, () => containerd.stop());
  await containerd.load(image);
  const { runtime } = containerd;
  const config = {
    metadata: { name: 'pod', namespace: 'default', uid: 'u', attempt: 0 },
    linux: { cgroupParent: '/pods' },
    logDirectory: folder,
  };
  const { podSandboxId } = await runtime.runPodSandbox({ config, runtimeHandler: 'runc' });
  const { containerId } = await runtime.createContainer({
    podSandboxId,
    config: { metadata: { name: 'c', attempt: 0 }, image: { image: 'localhost/counter:1' }, logPath: 'log' },
    sandboxConfig: config,
  });
  await runtime.startContainer({ containerId });
  const log = (): string => readFileSync(join(folder, 'log'), 'utf8');
  await until('the counter to count', () => log().includes('stdout F parent 3'));
  const archive = join(folder, 'archive.tar');
  await runtime.checkpointContainer({ containerId, location: archive });
  assert.match(await must('checkpointctl', ['show', archive]), /containerd/);
  const lines = log().length;
  await until('the container to go on after its checkpoint', () => log().length > lines);
});
