import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { buildImage } from '../../src/localfs/build-image.ts';
import { convertArchive } from '../../src/localfs/convert-archive.ts';
import { atEnd, folderFor, needsRuntime, project, until } from '../runtime.ts';
import { makeRootfs } from './image.ts';
import { must } from './program.ts';
import { openStations, type Station } from './travel.ts';

const programs = ['crun', 'runc'] as const;

test(
  'convertArchive + an archive of every engine, converted, goes on at every other',
  needsRuntime,
  async (t) => {
    const { image, stations } = await openStations(t);
    const folder = folderFor(t, 'converted');
    const findImageId = (name: string) => must('podman', ['image', 'inspect', '--format={{.Id}}', name]);
    const rows: string[][] = [];
    for (const from of stations) {
      for (const program of programs) {
        const { archive, count } = await from.capture(program);
        const row = [`${from.name} over ${program}`];
        for (const to of stations) {
          await t.test(`${from.name} to ${to.name} over ${program}`, async () => {
            const name = `arrived-${process.pid}-${from.name}-${program}`;
            const output = join(folder, `${from.name}-${to.name}-${program}.tar`);
            const wishes = { target: to.name, name, findImageId };
            const converted = await convertArchive(archive, output, wishes);
            assert.equal(converted.image, image);
            assert.equal(converted.runtime, program);
            const reached = await to.restore(output, name, program);
            assert.ok(reached >= count, `it went on from ${reached}, and had been at ${count}`);
            row.push('yes');
          });
          if (row.length < rowLength(stations, to)) row.push('NO');
        }
        rows.push(row);
      }
    }
    t.diagnostic(['from \\ to', ...stations.map(({ name }) => name)].join('  '));
    for (const row of rows) t.diagnostic(row.join('  '));
  },
);

test(
  'convertArchive + what runc had hidden is found by crun, what crun had hidden is not by runc',
  needsRuntime,
  async (t) => {
    const { stations } = await openStations(t);
    const folder = folderFor(t, 'converted');
    const [podman, containerd] = stations;
    assert.ok(podman && containerd);
    const hidden = await podman.capture('runc');
    const output = join(folder, 'crun.tar');
    await convertArchive(hidden.archive, output, { target: 'containerd', program: 'crun' });
    assert.ok((await containerd.restore(output, '', 'crun')) >= hidden.count);

    const other = await podman.capture('crun');
    const wish = { target: 'containerd', program: 'runc' } as const;
    const { notes } = await convertArchive(other.archive, output, wish);
    const lost = notes.find(({ kind, about }) => kind === 'lost' && about === 'runtime');
    assert.match(lost?.detail ?? '', /runc cannot restore it: crun hid .*\/sys\/firmware/);
    await assert.rejects(containerd.restore(output, '', 'runc'));
  },
);

test(
  'buildImage + of a converted archive is what Podman and containerd restore by its name',
  needsRuntime,
  async (t) => {
    const { stations } = await openStations(t);
    const folder = folderFor(t, 'converted');
    const [podman, containerd] = stations;
    assert.ok(podman && containerd);
    const findImageId = (name: string) => must('podman', ['image', 'inspect', '--format={{.Id}}', name]);
    for (const [from, to] of [
      [podman, containerd],
      [containerd, podman],
    ] as const) {
      const { archive, count } = await from.capture('crun');
      const name = `imaged-${process.pid}`;
      const output = join(folder, `${to.name}.tar`);
      await convertArchive(archive, output, { target: to.name, name, findImageId });
      const image = `localhost/for-${to.name}:1`;
      const path = join(folder, `${to.name}.oci.tar`);
      await buildImage({ checkpoint: output, image, target: { kind: 'archive', path } });
      assert.ok((await to.restoreImage(path, image, name, 'crun', output)) >= count, to.name);
    }
  },
);

test(
  'convertArchive + a container of a pod goes on in a pod of Podman that shares the same',
  needsRuntime,
  async (t) => {
    const { image, stations } = await openStations(t);
    const folder = folderFor(t, 'converted');
    const containerd = stations[1];
    assert.ok(containerd);
    const findImageId = (name: string) => must('podman', ['image', 'inspect', '--format={{.Id}}', name]);
    for (const [program, sharedProcesses] of [
      ['crun', true],
      ['runc', true],
      ['crun', false],
    ] as const) {
      const { archive, count } = await containerd.capture(program, sharedProcesses);
      const pod = `pod-${process.pid}`;
      const name = `member-${process.pid}`;
      const output = join(folder, 'pod.tar');
      const wishes = { target: 'podman', name, pod: true, findImageId } as const;
      const { notes } = await convertArchive(archive, output, wishes);
      const told = notes.find(({ about }) => about === 'pod')?.detail ?? '';
      const share = /--share (\S+),/.exec(told)?.[1];
      assert.equal(share, sharedProcesses ? 'ipc,net,pid,uts' : 'ipc,net,uts');
      const infra = [`--infra-image=${image}`, '--infra-command=/bin/sleep 100000'];
      const flags = ['--runtime', program];
      await must('podman', [...flags, 'pod', 'create', `--name=${pod}`, `--share=${share}`, ...infra]);
      try {
        await must('podman', [...flags, 'container', 'restore', `--pod=${pod}`, `--import=${output}`]);
        const reached = async () => Number(await must('podman', [...flags, 'exec', name, 'cat', '/count']));
        const before = await reached();
        assert.ok(before >= count);
        await until('it goes on', async () => (await reached()) > before);
      } finally {
        await must('podman', [...flags, 'pod', 'rm', '--force', '--time=0', pod]);
      }
    }
  },
);

/** Runs the counter in a bundle of its own, and writes CRIU's images beside it. */
async function captureBundle(
  t: TestContext,
  program: string,
): Promise<{ bundle: string; images: string; count: number }> {
  const bundle = folderFor(t, `plain-${program}`);
  const rootfs = join(bundle, 'rootfs');
  await makeRootfs(rootfs);
  await must(program, ['spec'], bundle);
  const file = join(bundle, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  Object.assign(config.process, { terminal: false, args: ['/bin/counter'] });
  config.root.readonly = false;
  writeFileSync(file, JSON.stringify(config));
  const id = `plain-${program}-${process.pid}`;
  atEnd(t, () => must(program, ['delete', '--force', id]).catch(() => {}));
  // Its output has to be a pipe, which an engine replaces by its own.
  const run = `(${program} run --detach --bundle ${bundle} ${id} < /dev/null 2>&1 | cat) > /dev/null 2>&1 &`;
  await must('sh', ['-c', run], bundle);
  const count = (): number => Number(readFileSync(join(rootfs, 'count'), 'utf8'));
  await until('the counter to count', () => count() >= 5);
  const images = join(bundle, 'images');
  mkdirSync(images);
  await must(program, ['checkpoint', '--image-path', images, '--work-path', bundle, id]);
  return { bundle, images, count: count() };
}

for (const program of programs) {
  test(
    `convertArchive + what ${program} had captured alone goes on at every engine`,
    needsRuntime,
    async (t) => {
      const { bundle, images, count } = await captureBundle(t, program);
      const { image, stations } = await openStations(t, 'counter', join(bundle, 'rootfs'));
      const folder = folderFor(t, 'converted');
      const findImageId = (name: string) => must('podman', ['image', 'inspect', '--format={{.Id}}', name]);
      for (const to of stations) {
        await t.test(to.name, async () => {
          const name = `arrived-${process.pid}`;
          const output = join(folder, `${to.name}.tar`);
          const wishes = { target: to.name, bundle, name, image, findImageId };
          const { from } = await convertArchive(images, output, wishes);
          assert.equal(from, program);
          assert.ok((await to.restore(output, name, program)) >= count);
        });
      }
    },
  );
}

test('convertArchive + what CRI-O had captured goes on at every engine', needsRuntime, async (t) => {
  const { stations } = await openStations(t, 'busybox');
  const folder = folderFor(t, 'converted');
  const archive = join(project, 'fixtures/archives/crio-1.37-runc.tar');
  const findImageId = (name: string) => must('podman', ['image', 'inspect', '--format={{.Id}}', name]);
  for (const to of stations) {
    await t.test(to.name, async () => {
      const name = `arrived-${process.pid}`;
      const output = join(folder, `${to.name}.tar`);
      const image = to.image;
      await convertArchive(archive, output, { target: to.name, name, image, findImageId });
      // It had said 15 in its log when it was captured.
      assert.ok((await to.restore(output, name, 'runc')) >= 15);
    });
  }
});

function rowLength(stations: readonly Station[], to: Station): number {
  return stations.indexOf(to) + 2;
}
