import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startContainerd } from '../engines/containerd.ts';
import { makeRootfs, writeImage } from '../engines/image.ts';
import { must } from '../engines/program.ts';
import { startRegistry } from '../engines/registry.ts';
import { needsRuntime, until } from '../runtime.ts';
import { TestNode } from './node.ts';

test(
  'over containerd the daemon restores what Podman captured, and says beforehand what is missing',
  needsRuntime,
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'stasis-a-'));
    const node = new TestNode(t, [
      '--container-runtime-endpoint',
      `unix://${join(folder, 'c/containerd.sock')}`,
    ]);
    await makeRootfs(join(folder, 'rootfs'));
    const containerd = await startContainerd(join(folder, 'c'), join(folder, 'rootfs'));
    const registry = await startRegistry();
    t.after(async () => {
      await containerd.stop();
      await registry.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const image = `${registry.host}/counter:1`;
    await writeImage(join(folder, 'image.tar'), join(folder, 'rootfs'), image, ['/bin/counter']);
    registry.serve(`${join(folder, 'image.tar')}.layout`);
    await must('podman', ['load', '--quiet', '--input', join(folder, 'image.tar')]);
    t.after(() => must('podman', ['rmi', '--force', image]));
    const capture = async (name: string, ...flags: string[]): Promise<string> => {
      await must('podman', ['run', '--detach', '--name', name, ...flags, image]);
      await until(
        `${name} counts`,
        async () => Number(await must('podman', ['exec', name, 'cat', '/count'])) > 5,
      );
      const archive = join(folder, `${name}.tar.zst`);
      await must('podman', ['container', 'checkpoint', `--export=${archive}`, name]);
      await must('podman', ['rm', name]);
      return archive;
    };
    const archive = await capture(`bridged-${process.pid}`);
    await node.start();
    const restored = await node.stasis('restore', archive, '--name', 'arrived', '-o', 'json');
    assert.deepEqual([restored.status, restored.stderr], [0, '']);
    const pod = JSON.parse(restored.stdout);
    const container = pod.containers[0].name;
    const numbers = () =>
      node
        .output('arrived', container)
        .flatMap((line) => /^parent (\d+)$/.exec(line)?.[1] ?? [])
        .map(Number);
    await until('it goes on', () => numbers().length > 3);
    // Podman's log came along; a program that had started anew would say 1 twice.
    assert.equal(numbers().filter((number) => number === 1).length, 1);
    assert.ok((numbers().at(-1) ?? 0) > 5);
    assert.deepEqual(readdirSync(join(node.root, 'stasis/converted')), []);

    // What is missing is told at once, and nothing is made.
    const bound = await capture(`bound-${process.pid}`, `--volume=${folder}/rootfs/etc:/data`);
    const refused = await node.stasis('restore', bound, '--name', 'refused');
    assert.equal(refused.status, 1);
    assert.match(
      refused.stderr,
      /this node lacks mount at \/data \(it was .*\/rootfs\/etc of the old node\)/,
    );
    assert.match(refused.stderr, /nothing was started/);
    assert.equal(await node.pod('refused'), undefined);

    // containerd asks the registry, which does not answer now.
    await registry.close();
    const third = await node.stasis('restore', archive, '--name', 'third');
    assert.equal(third.status, 1);
    assert.match(third.stderr, /containerd takes the image from its registry even where it is present/);
    await until('the pod of it is gone', async () => (await node.pod('third')) === undefined);
  },
);
