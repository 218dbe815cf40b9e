import { CodedError } from '../errors/coded-error.ts';
import type { Container } from './pod.ts';
import type { Runtime } from './pod-runtime.ts';
import { fromRpc } from './rpc-error.ts';

/** Seconds that a command of a hook may take where nothing else limits it. */
const longestHook = 600;

/**
 * Runs the command of `lifecycle.postStart`. Called between the start of the container and everything that
 * waits for it.
 * @throws CodedError `failed-precondition` where it ends with another status than 0
 */
export async function runPostStart(
  runtime: Runtime,
  container: Container,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const command = container.lifecycle?.postStart?.exec.command;
  if (command) await runHook(runtime, 'postStart', container, id, command, longestHook, signal);
}

/** Runs the command of `lifecycle.preStop` for at most `seconds`. */
export async function runPreStop(
  runtime: Runtime,
  container: Container,
  id: string,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const command = container.lifecycle?.preStop?.exec.command;
  if (command && seconds > 0) await runHook(runtime, 'preStop', container, id, command, seconds, signal);
}

async function runHook(
  runtime: Runtime,
  hook: string,
  container: Container,
  id: string,
  command: readonly string[],
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const doing = `the ${hook} hook of container ${container.name}`;
  let exitCode: number;
  try {
    const request = { containerId: id, cmd: [...command], timeout: BigInt(seconds) };
    ({ exitCode } = await runtime.execSync(request, { signal, timeoutMs: (seconds + 30) * 1000 }));
  } catch (error) {
    throw fromRpc(doing, error);
  }
  if (exitCode !== 0) throw new CodedError('failed-precondition', `${doing} ended with status ${exitCode}`);
}
