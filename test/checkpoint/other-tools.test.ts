import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TestNode } from '../checkpoint-node.ts';
import { makeRootfs, writeImage } from '../engines/image.ts';
import { atEnd, needsRuntime, project, runFor, startFor, until } from '../runtime.ts';

/** A checkpoint of a container that counts over some memory, with its pod still running. */
async function captured(t: TestContext, runtime: 'crun' | 'runc' = 'crun') {
  const node = await TestNode.start(t, { runtime });
  const pod = await node.pod('shop');
  const id = await node.run(pod, 'memory', { args: ['memory', '4'] });
  await node.grows(pod, 'memory', 3);
  const archive = join(node.folder, 'shop.tar');
  await node.checkpoint(id, archive);
  return { node, pod, id, archive };
}

test("Debian's checkpointctl shows and inspects our archives", needsRuntime, async (t) => {
  const { archive, id } = await captured(t);
  const show = await runFor(t, 'checkpointctl', ['show', archive]);
  assert.equal(show.status, 0, show.stderr);
  assert.match(show.stdout, new RegExp(`memory.*rootdir:.*${id.slice(0, 12)}.*crun`, 's'));
  const inspect = await runFor(t, 'checkpointctl', ['inspect', '--all', archive]);
  assert.equal(inspect.status, 0, inspect.stderr);
  for (const word of ['Process tree', '[REG 0]', 'Memory pages size', 'CRIU dump statistics']) {
    assert.ok(inspect.stdout.includes(word), `${word} in ${inspect.stdout}`);
  }
});

for (const runtime of ['crun', 'runc'] as const) {
  test(`${runtime} restore takes the images of our archives as they are`, needsRuntime, async (t) => {
    const { node, pod, archive } = await captured(t, runtime);
    const bundle = join(node.folder, 'bundle');
    mkdirSync(join(bundle, 'images'), { recursive: true });
    assert.equal((await runFor(t, 'tar', ['-C', join(bundle, 'images'), '-xf', archive])).status, 0);
    const spec = JSON.parse(readFileSync(join(bundle, 'images/spec.dump'), 'utf8'));
    spec.root.path = node.image.slice('rootdir:'.length);
    // CRIU wants the root folder as it was.
    chmodSync(spec.root.path, 0o555);
    // One of its own: runc refuses a cgroup in which the last process of another container still ends.
    spec.linux.cgroupsPath = `/restored-by-hand-${runtime}-${process.pid}`;
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
    // crun names one hidden folder by its state folder, and saves the name of the usual one.
    const own = runtime === 'crun' ? [] : ['--root', join(node.folder, 'state')];
    const args = ['restore', '--bundle', bundle, '--image-path', join(bundle, 'images/checkpoint')];
    const flags = [
      '--work-path',
      bundle,
      '--manage-cgroups-mode',
      'ignore',
      '--tcp-established',
      '--file-locks',
    ];
    // Its standard streams must be pipes, as they were; ours would be sockets.
    const out = join(node.folder, 'out');
    const command = [runtime, ...own, ...args, ...flags, 'by-hand'].join(' ');
    startFor(t, 'sh', ['-c', `${command} 2>${out}.err </dev/null | cat >${out}`]);
    atEnd(t, () => runFor(t, runtime, [...own, 'delete', '--force', 'by-hand']));
    const line = await until(
      'its output',
      () => readFileSync(out, 'utf8').split('\n').slice(0, -1)[0],
      20_000,
    ).catch(() => assert.fail(readFileSync(`${out}.err`, 'utf8')));
    const sum = node.output(pod, 'memory').at(-1)?.split(' ')[1];
    assert.equal(line.split(' ')[1], sum);
  });
}

const samples = ['podman-5.8.6-crun-zstd.tar', 'crio-1.37-runc.tar', 'containerd-2.1.9-crun.tar'] as const;

for (const sample of samples) {
  test(`a container goes on that another engine captured (${sample})`, needsRuntime, async (t) => {
    const node = await TestNode.start(t, { runtime: sample.includes('runc') ? 'runc' : 'crun' });
    const pod = await node.pod();
    const archive = join(project, 'fixtures/archives', sample);
    const annotations = { 'stasis.dev/restore-image': node.image };
    try {
      await node.run(pod, 'counter', { archive, annotations });
    } catch (error) {
      // The samples hold no program: a newer busybox than theirs is refused, and nothing else is an excuse.
      assert.match(String(error), /is not the one that was in use at the checkpoint/);
      return;
    }
    const first = Number(await node.grows(pod, 'counter', 1));
    const later = Number(await node.grows(pod, 'counter', 2));
    assert.ok(first > 5 && later > first, `${first} ${later}`);
  });
}

test(
  'podman container restore --import takes our archives while the pod they came from is there',
  needsRuntime,
  async (t) => {
    const node = await TestNode.start(t);
    const rootfs = join(node.folder, 'counter');
    await makeRootfs(rootfs);
    const file = join(node.folder, 'counter.tar');
    const image = `localhost/counter:${process.pid}`;
    await writeImage(file, rootfs, image, ['/bin/counter']);
    const name = `counter-${process.pid}`;
    assert.equal((await runFor(t, 'podman', ['load', '--quiet', '--input', file])).status, 0);
    atEnd(t, async () => {
      await runFor(t, 'podman', ['rm', '--force', '--time=0', name]);
      await runFor(t, 'podman', ['rmi', '--force', image]);
    });
    await node.images.pullImage({ image: { image: `oci-archive:${file}` } });
    const pod = await node.pod();
    const config = { metadata: { name: 'counter', attempt: 0 }, image: { image }, logPath: 'counter.log' };
    const made = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
    const { containerId } = await node.cri.createContainer(made);
    await node.cri.startContainer({ containerId });
    const count = join(node.folder, 'lib/containers', containerId, 'rootfs/count');
    await until('the counter to count', () => existsSync(count) && Number(readFileSync(count, 'utf8')) >= 5);
    const archive = join(node.folder, 'counter-checkpoint.tar');
    await node.checkpoint(containerId, archive);
    const restored = await runFor(t, 'podman', ['container', 'restore', '--import', archive, '--name', name]);
    assert.equal(restored.status, 0, restored.stderr);
    const read = async (): Promise<number> =>
      Number((await runFor(t, 'podman', ['exec', name, 'cat', '/count'])).stdout);
    const first = await read();
    assert.ok(first >= 5);
    await until('the counter to go on', async () => (await read()) > first);
  },
);
