import { CodedError, messageOf } from '../../errors/coded-error.ts';
import type { BuiltinRuntime } from './hooks.ts';
import { phaseOf, type SandboxRecord } from './records.ts';
import { runProgram } from './run-program.ts';

/** For how long packets are held back at most, counted from the first container that is started. */
const longestMs = 120_000;

const table = 'stasis_hold';

const rules = `table inet ${table} {
  chain incoming {
    type filter hook input priority -300
    policy accept
    meta l4proto tcp drop
  }
}
`;

const timers = new Map<string, NodeJS.Timeout>();

/**
 * Connections between containers of one pod: the side that is restored first would send to a side that is not
 * there yet and get a reset. So TCP packets inside the pod are dropped, which TCP takes for loss, until the last
 * container that is still to be restored has been.
 *
 * Called before each restore. A pod on the node's network is left alone: the node's own traffic is not ours.
 */
export async function holdPackets(runtime: BuiltinRuntime, sandbox: SandboxRecord): Promise<void> {
  const network = sandbox.namespaces.network;
  if (network === undefined || timers.has(sandbox.id)) return;
  if ((await waiting(runtime, sandbox.id)) < 2) return;
  try {
    await nft(network, ['-f', '-'], rules);
  } catch (error) {
    runtime.log(`pod ${sandbox.id}: connections between its containers may break: ${messageOf(error)}`);
    return;
  }
  const late = async (): Promise<void> => {
    await release(sandbox);
    runtime.log(`pod ${sandbox.id}: packets flow again, although not all containers were started`);
  };
  const timer = setTimeout(() => void late(), longestMs);
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
  if (network === undefined) return;
  // One that is not there is what is wanted.
  await nft(network, ['delete', 'table', 'inet', table], '').catch(() => {});
}

/** How many containers of the pod are still to be restored. */
async function waiting(runtime: BuiltinRuntime, sandboxId: string, except = ''): Promise<number> {
  const all = await runtime.containersOf(sandboxId);
  return all.filter((each) => each.id !== except && each.restore && phaseOf(each) === 'created').length;
}

async function nft(network: string, args: readonly string[], stdin: string): Promise<void> {
  const run = await runProgram('nsenter', [`--net=${network}`, 'nft', ...args], { stdin, timeoutMs: 10_000 });
  if (run.status !== 0) throw new CodedError('internal', `nft: ${run.stderr.trim()}`);
}
