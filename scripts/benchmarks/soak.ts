/**
 * Many checkpoints over containerd, some at a time, through the kubelet's API: what the daemon, containerd and the
 * disk hold at the beginning, on the way and at the end. Exit status 1 where something grows that should not.
 *   node scripts/benchmarks/soak.ts [COUNT] [AT ONCE]
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { trust, underWay } from '../../test/e2e/kubelet-machine.ts';
import type { TestNode } from '../../test/e2e/node.ts';
import { grows } from '../../test/engines/loaded-containerd.ts';
import { withMachine } from './with-machine.ts';

const [count = 500, atOnce = 4] = process.argv.slice(2).map(Number);
if (![count, atOnce].every((value) => Number.isInteger(value) && value > 0))
  throw new Error('two whole numbers');

interface Held {
  descriptors: number;
  /** MiB. */
  resident: number;
  threads: number;
  /** KiB below containerd's folder. */
  disk: number;
  mounts: number;
  processes: number;
}

function held(node: TestNode, folder: string): Held {
  const status = readFileSync(`/proc/${node.pid}/status`, 'utf8');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    descriptors: readdirSync(`/proc/${node.pid}/fd`).length,
    resident: Math.round(field('VmRSS') / 1024),
    threads: field('Threads'),
    disk: Number(execFileSync('du', ['-sk', '--exclude=*.log', folder], { encoding: 'utf8' }).split('\t')[0]),
    mounts: readFileSync('/proc/self/mounts', 'utf8').split('\n').length - 1,
    processes: readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length,
  };
}

await withMachine([], async ({ ctd, node, post }) => {
  const names = Array.from({ length: atOnce }, (_, i) => `soak-${i}`);
  const logs: string[] = [];
  for (const name of names) logs.push((await ctd.run(name, 'crun', ['memory', '4'])).log);
  for (const log of logs) await grows(log);
  const print = (done: number, now: Held) =>
    process.stdout.write(
      `${String(done).padStart(5)} done: ${Object.entries(now)
        .map(([key, value]) => `${key} ${value}`)
        .join(', ')}\n`,
    );
  let done = 0;
  let halfway: Held | undefined;
  let begun = 0;
  const times: number[] = [];
  const work = async (name: string) => {
    while (begun < count) {
      begun++;
      const start = performance.now();
      const { status, body } = await post(`/checkpoint/default/${name}/c`, { as: trust.admin });
      if (status !== 200) throw new Error(`checkpoint ${done + 1}: ${status} ${body}`);
      times.push(performance.now() - start);
      rmSync(JSON.parse(body).items[0]);
      done++;
      if (done === count >> 1) halfway = held(node, ctd.folder);
      if (done % 100 === 0 && done < count) print(done, held(node, ctd.folder));
    }
  };
  print(0, held(node, ctd.folder));
  // What is made once and kept, before what is compared.
  for (const name of names) await post(`/checkpoint/default/${name}/c`, { as: trust.admin });
  for (const name of readdirSync(node.checkpoints)) rmSync(`${node.checkpoints}/${name}`);
  const before = held(node, ctd.folder);
  print(atOnce, before);
  await Promise.all(names.map(work));
  for (const log of logs) await grows(log);
  const after = held(node, ctd.folder);
  print(count, after);
  const sorted = times.toSorted((a, b) => a - b);
  process.stdout.write(
    `median ${sorted[sorted.length >> 1]?.toFixed(0)} ms, longest ${sorted.at(-1)?.toFixed(0)} ms; all containers run\n`,
  );
  const grown: string[] = [];
  if (after.descriptors > before.descriptors + 4) grown.push('descriptors');
  // The heap reaches its size in the first half; a leak goes on in the second.
  if (after.resident > (halfway?.resident ?? 0) + 20) grown.push('memory');
  if (after.mounts > before.mounts) grown.push('mounts');
  if (after.processes > before.processes + 2) grown.push('processes');
  if (after.disk > before.disk + 1024) grown.push('disk');
  if (readdirSync(node.checkpoints).length > 0 || underWay(node).length > 0) grown.push('files');
  process.stdout.write(grown.length > 0 ? `GREW: ${grown.join(', ')}\n` : 'nothing grew\n');
  if (grown.length > 0) process.exitCode = 1;
});
