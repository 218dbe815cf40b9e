import { setTimeout as sleepFor } from 'node:timers/promises';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { ContainerState } from '../gen/cri/v1/api_pb.ts';
import type { Container, Handler, HttpGet } from './pod.ts';
import type { Runtime } from './pod-runtime.ts';
import type { ProbesOptions } from './probes.ts';
import { fromRpc } from './rpc-error.ts';

/** Seconds that a hook may take where nothing else limits it. */
const longestHook = 600;

export interface HookOptions {
  runtime: Runtime;
  /** Asks over the network, as probes do. */
  ask: ProbesOptions['ask'];
}

/** A running container of a pod. */
export interface HookTarget {
  /** Of the pod. */
  uid: string;
  /** The runtime's id. */
  id: string;
  container: Container;
}

/**
 * Does what `lifecycle.postStart` says. Called between the start of the container and everything that waits for it.
 * @throws CodedError `failed-precondition` where a command ends with another status than 0, or nobody answers
 */
export async function runPostStart(
  options: HookOptions,
  target: HookTarget,
  signal: AbortSignal,
): Promise<void> {
  const handler = target.container.lifecycle?.postStart;
  if (handler) await runHook(options, 'postStart', target, handler, longestHook, signal);
}

/** Does what `lifecycle.preStop` says, for at most `seconds`. */
export async function runPreStop(
  options: HookOptions,
  target: HookTarget,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const handler = target.container.lifecycle?.preStop;
  if (handler && seconds > 0) await runHook(options, 'preStop', target, handler, seconds, signal);
}

async function runHook(
  options: HookOptions,
  hook: string,
  target: HookTarget,
  { exec, httpGet, sleep }: Handler,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const doing = `the ${hook} hook of container ${target.container.name}`;
  if (exec) await runCommand(options.runtime, doing, target.id, exec.command, seconds, signal);
  else if (httpGet) await sendRequest(options, doing, target, httpGet, seconds, signal);
  else if (sleep) await waitBeside(options.runtime, target.id, Math.min(sleep.seconds, seconds), signal);
}

async function runCommand(
  runtime: Runtime,
  doing: string,
  containerId: string,
  command: readonly string[],
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  let exitCode: number;
  try {
    const request = { containerId, cmd: [...command], timeout: BigInt(seconds) };
    ({ exitCode } = await runtime.execSync(request, { signal, timeoutMs: (seconds + 30) * 1000 }));
  } catch (error) {
    throw fromRpc(doing, error);
  }
  if (exitCode !== 0) throw new CodedError('failed-precondition', `${doing} ended with status ${exitCode}`);
}

/** As with the kubelet any answer will do, whatever its status. */
async function sendRequest(
  { runtime, ask }: HookOptions,
  doing: string,
  { uid, id, container }: HookTarget,
  httpGet: HttpGet,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = AbortSignal.timeout(seconds * 1000);
  try {
    const { containers } = await runtime.listContainers({ filter: { id } }, { signal });
    const target = { uid, id, container, sandboxId: containers[0]?.podSandboxId ?? '', since: 0 };
    const httpHeaders = [
      { name: 'User-Agent', value: 'kube-lifecycle/stasis' },
      ...(httpGet.httpHeaders ?? []),
    ];
    await ask(target, { httpGet: { ...httpGet, httpHeaders } }, AbortSignal.any([signal, deadline]));
  } catch (error) {
    const found =
      deadline.aborted && !signal.aborted ? `no answer within ${seconds} seconds` : messageOf(error);
    throw new CodedError('failed-precondition', `${doing}: ${found}`, { cause: error });
  }
}

/** Waits, as long as the container runs. */
async function waitBeside(
  runtime: Runtime,
  containerId: string,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  for (let left = end - performance.now(); left > 0; left = end - performance.now()) {
    await sleepFor(Math.min(left, 1000), undefined, { signal });
    const { status } = await runtime.containerStatus({ containerId }, { signal });
    if (status?.state !== ContainerState.CONTAINER_RUNNING) return;
  }
}
