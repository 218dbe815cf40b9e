/**
 * For how long a process stands still while it is captured: here, by CRIU alone, and by Podman. The first two take
 * the same process, Podman another one of the same program and size, in turns. Ours is from before the freeze is asked for until it is ended; theirs
 * is what CRIU counts, without the rest of its work.
 *   node scripts/benchmarks/freeze.ts [MIB…]
 */
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { statisticsOf } from '../../src/inspect/stats.ts';
import { TestNode } from '../../test/checkpoint-node.ts';
import { makeRootfs, writeImage } from '../../test/engines/image.ts';
import { must } from '../../test/engines/program.ts';
import { until } from '../../test/runtime.ts';
import { median } from './measure.ts';

const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [64, 1024];
if (sizes.some((mib) => !Number.isInteger(mib) || mib < 1)) throw new Error('sizes are whole numbers of MiB');
/** Of CRIU's own. */
const promised = 1.1;
/** Holds its memory and waits. */
const load = (mib: number): string[] => ['lock', '0', String(mib)];

interface Contestant {
  name: string;
  /** Milliseconds for which it stood still. */
  capture(into: string): Promise<number>;
}

function criuMilliseconds(stats: string): number {
  const figures = statisticsOf(readFileSync(stats));
  return (figures.freezingTime + figures.frozenTime) / 1000;
}

async function ours(node: TestNode, mib: number): Promise<[Contestant, Contestant]> {
  const pod = await node.pod(`pod-${mib}`);
  const id = await node.run(pod, 'load', { args: load(mib) });
  await until('its memory', () => node.output(pod, 'load').includes('ready'), 120_000);
  const { process: first } = await node.open.runtime.container(id);
  const stasis: Contestant = {
    name: 'stasis',
    async capture(into) {
      await node.checkpoint(id, join(into, 'stasis.tar'));
      return Number(/frozen for (\d+) ms/.exec(node.lines.at(-1) ?? '')?.[1]);
    },
  };
  return [stasis, bare(first?.pid ?? 0)];
}

/** CRIU as crun and runc call it for the same container. */
function bare(pid: number): Contestant {
  const network = /\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0];
  const what = ['--leave-running', '--file-locks', '--tcp-established', '--manage-cgroups=ignore'];
  const outside = ['--external', 'mnt[]', '--external', `net[${network}]:pod`];
  return {
    name: 'criu dump',
    async capture(into) {
      await must('criu', ['dump', '-t', String(pid), '-D', into, ...what, ...outside]);
      return criuMilliseconds(join(into, 'stats-dump'));
    },
  };
}

async function podman(reference: string, mib: number): Promise<Contestant> {
  const name = `freeze-${mib}`;
  const run = ['run', '--detach', '--network=none', `--name=${name}`, reference, '/bin/load', ...load(mib)];
  await must('podman', run);
  await until('its memory', async () => (await must('podman', ['logs', name])) === 'ready', 120_000);
  return {
    name: 'podman',
    async capture(into) {
      const archive = join(into, 'podman.tar');
      const how = ['--leave-running', '--file-locks', '--compress=none', `--export=${archive}`];
      await must('podman', ['container', 'checkpoint', ...how, name]);
      await must('tar', ['-xf', archive, '-C', into, 'stats-dump']);
      return criuMilliseconds(join(into, 'stats-dump'));
    },
  };
}

const folder = mkdtempSync(join(tmpdir(), 'freeze-'));
const ends: (() => unknown)[] = [];
// All that the node asks of a test is to be told of its end.
const stage = { after: (end: () => unknown) => void ends.push(end) } as unknown as TestContext;
try {
  const rootfs = join(folder, 'rootfs');
  const reference = 'localhost/freeze:1';
  await makeRootfs(rootfs, ['load']);
  await writeImage(join(folder, 'image.tar'), rootfs, reference, ['/bin/load']);
  await must('podman', ['load', '--quiet', '--input', join(folder, 'image.tar')]);
  const node = await TestNode.start(stage);
  process.stdout.write(`load ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors\n`);
  for (const mib of sizes) {
    const contestants = [...(await ours(node, mib)), await podman(reference, mib)];
    const times = new Map<string, number[]>();
    for (let round = 0; round < (mib >= 512 ? 6 : 11); round++) {
      for (const { name, capture } of contestants) {
        const into = join(folder, `${mib}-${round}-${name.replace(' ', '-')}`);
        mkdirSync(into);
        // What the one before has left to be written would hold this one up.
        await must('sync', ['--file-system', into]);
        const took = await capture(into);
        rmSync(into, { recursive: true });
        // The first round warms what is kept from then on.
        if (round > 0) times.set(name, [...(times.get(name) ?? []), took]);
      }
    }
    await must('podman', ['rm', '--force', '--time=0', `freeze-${mib}`]);
    const medians = new Map([...times].map(([name, all]) => [name, median(all)]));
    const ratio = (medians.get('stasis') ?? Number.NaN) / (medians.get('criu dump') ?? Number.NaN);
    const kept = ratio <= promised;
    if (!kept) process.exitCode = 1;
    const said = [...medians].map(([name, value]) => `${name} ${value.toFixed(0)} ms`).join(' | ');
    process.stdout.write(
      `${`still for ${mib} MiB`.padEnd(24)} ${said} | ${kept ? 'kept' : 'MISSED'}: ${ratio.toFixed(2)} × criu dump, at most ${promised}\n`,
    );
  }
  process.stdout.write(`load ${loadavg()[0]?.toFixed(1)} at the end\n`);
} finally {
  for (const end of ends) await end();
  rmSync(folder, { recursive: true, force: true });
}
