import { readdir } from 'node:fs/promises';
import { messageOf } from '../../errors/coded-error.ts';
import type { BuiltinRuntime } from './hooks.ts';
import { dropPackets, passPackets } from './packet-drop.ts';
import { phaseOf, type SandboxRecord } from './records.ts';

/** For how long packets are held back at most, counted from the first container that is started. */
export const longestHoldMs = 120_000;

/** Name of the nft table that holds them back. */
export const holdTable = 'stasis_hold';

const timers = new Map<string, NodeJS.Timeout>();

/**
 * Connections inside a pod: the end that is restored first may send to an end that is not there yet, and would
 * get a reset; both may be in one container. So TCP packets inside the pod are dropped, which TCP takes for loss,
 * until the last container that is still to be restored and has connections has been.
 *
 * Called before each restore. A pod on the node's network is left alone: the node's own traffic is not ours.
 */
export async function holdPackets(runtime: BuiltinRuntime, sandbox: SandboxRecord): Promise<void> {
  const network = sandbox.namespaces.network;
  if (network === undefined || timers.has(sandbox.id)) return;
  if ((await waiting(runtime, sandbox.id)) === 0) return;
  try {
    await dropPackets(network, holdTable);
  } catch (error) {
    runtime.log(`pod ${sandbox.id}: connections between its containers may break: ${messageOf(error)}`);
    return;
  }
  const late = async (): Promise<void> => {
    await release(sandbox);
    runtime.log(`pod ${sandbox.id}: packets flow again, although not all containers were started`);
  };
  const timer = setTimeout(() => void late(), longestHoldMs);
  timer.unref();
  timers.set(sandbox.id, timer);
}

/** Called after the restore of a container, also one that failed: the last one lets the packets go. */
export async function releasePackets(
  runtime: BuiltinRuntime,
  sandbox: SandboxRecord,
  containerId: string,
): Promise<void> {
  if (timers.has(sandbox.id) && (await waiting(runtime, sandbox.id, containerId)) === 0)
    await release(sandbox);
}

/** Lets go what a process that was killed may have held. */
export async function release(sandbox: SandboxRecord): Promise<void> {
  clearTimeout(timers.get(sandbox.id));
  timers.delete(sandbox.id);
  const network = sandbox.namespaces.network;
  if (network !== undefined) await passPackets(network, holdTable);
}

/** How many containers of the pod are still to be restored and have connections. */
async function waiting(runtime: BuiltinRuntime, sandboxId: string, except = ''): Promise<number> {
  let count = 0;
  for (const each of await runtime.containersOf(sandboxId)) {
    if (each.id === except || each.restore === undefined || phaseOf(each) !== 'created') continue;
    if (await hasConnections(each.restore.images)) count++;
  }
  return count;
}

async function hasConnections(images: string): Promise<boolean> {
  const names = await readdir(images).catch(() => []);
  return names.some((name) => name.startsWith('tcp-stream-'));
}
