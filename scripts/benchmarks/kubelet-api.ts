/**
 * What the daemon adds to a checkpoint: the same container over containerd, by the bare CRI call and by the kubelet's
 * API over HTTPS with a client certificate on a kept connection, as an API server asks, in turns; and how long the container stood still.
 */
import { rmSync } from 'node:fs';
import { Agent } from 'node:https';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { dumpStatistics } from '../../src/inspect/stats.ts';
import { openCheckpoint } from '../../src/localfs/open-checkpoint.ts';
import { trust } from '../../test/e2e/kubelet-machine.ts';
import { grows } from '../../test/engines/loaded-containerd.ts';
import { median } from './measure.ts';
import { withMachine } from './with-machine.ts';

const rounds = 61;
/** Milliseconds that may be added at the median. */
const goal = 10;

await withMachine([], async ({ ctd, post }) => {
  process.stdout.write(`load ${loadavg()[0]?.toFixed(1)}\n`);
  const container = await ctd.run('bench', 'crun', ['memory', '4']);
  await grows(container.log);
  const bare: number[] = [];
  const served: number[] = [];
  const frozen: number[] = [];
  const connections: number[] = [];
  const agent = new Agent({ keepAlive: true });
  const as = trust.admin;
  const location = join(ctd.folder, 'bare.tar');
  const call = () => ctd.containerd.runtime.checkpointContainer({ containerId: container.id, location });
  const ask = async (): Promise<string> => {
    const { status, body } = await post('/checkpoint/default/bench/c', { as, agent });
    if (status !== 200) throw new Error(body);
    return body;
  };
  for (let round = -2; round < rounds; round++) {
    // Who comes second meets what containerd still clears away of the first one.
    const early = round % 2 === 0 ? await timed(call) : undefined;
    const asked = await timed(ask);
    const late = early ?? (await timed(call));
    const connection = await timed(() => post('/livez', { method: 'GET', as }));
    const [archive = ''] = JSON.parse(asked.value).items;
    if (round >= 0) {
      bare.push(late.took);
      served.push(asked.took);
      connections.push(connection.took);
      frozen.push(await frozenTime(archive));
    }
    rmSync(location);
    rmSync(archive);
  }
  // Of each pair: what the machine does at the time is in both.
  const added = median(served.map((took, round) => took - (bare[round] ?? Number.NaN)));
  const kept = added <= goal;
  if (!kept) process.exitCode = 1;
  agent.destroy();
  process.stdout.write(
    `checkpoint of 4 MiB: bare CRI call ${median(bare).toFixed(1)} ms | kubelet API ${median(served).toFixed(1)} ms | ` +
      `added ${added.toFixed(1)} ms | ${kept ? 'kept' : 'MISSED'}: at most ${goal} ms\n` +
      `a new connection with a client certificate ${median(connections).toFixed(1)} ms | frozen by CRIU ${median(frozen).toFixed(1)} ms\n`,
  );
});

/** What came of it, and after how many milliseconds. */
async function timed<T>(work: () => Promise<T>): Promise<{ value: T; took: number }> {
  const began = performance.now();
  const value = await work();
  return { value, took: performance.now() - began };
}

/** Milliseconds. */
async function frozenTime(path: string): Promise<number> {
  const checkpoint = await openCheckpoint(path);
  try {
    return ((await dumpStatistics(checkpoint))?.frozenTime ?? Number.NaN) / 1000;
  } finally {
    await checkpoint.close();
  }
}
