import { join } from 'node:path';
import { CodedError } from '../errors/coded-error.ts';
import { type LogPiece, readContainerLog } from './container-log.ts';
import { newest } from './next-step.ts';
import type { NodePods } from './node-pods.ts';
import { allContainers, podName } from './pod.ts';
import type { PodDirectories } from './pod-directories.ts';
import { type ActualContainer, actualPod, type Runtime } from './pod-runtime.ts';
import type { PodRecord } from './pod-store.ts';
import { fromRpc } from './rpc-error.ts';

/** A container of a pod; the only one, or the first, where none is named. */
export interface ContainerAddress {
  namespace: string;
  pod: string;
  container?: string;
}

export interface ExecOptions {
  command: readonly string[];
  tty: boolean;
  stdin: boolean;
}

/** The streams of the pods of this node: commands in them, what they read, write and have written, their ports. */
export class PodStreams {
  readonly #runtime: Runtime;
  readonly #pods: NodePods;
  readonly #directories: PodDirectories;

  constructor(runtime: Runtime, pods: NodePods, directories: PodDirectories) {
    this.#runtime = runtime;
    this.#pods = pods;
    this.#directories = directories;
  }

  /** @returns the URL at which the runtime serves the streams of the command, once */
  async execUrl(address: ContainerAddress, options: ExecOptions, signal: AbortSignal): Promise<string> {
    const { record, name } = this.#find(address);
    const { id } = await this.#newest(record, name, signal);
    const { command, tty, stdin } = options;
    const request = { containerId: id, cmd: [...command], tty, stdin, stdout: true, stderr: !tty };
    try {
      return (await this.#runtime.exec(request, { signal, timeoutMs: 30_000 })).url;
    } catch (error) {
      throw fromRpc(`running a command in container ${name} of pod ${podName(record.pod)}`, error);
    }
  }

  /**
   * @returns the URL at which the runtime serves what the container reads and writes, once
   * @throws CodedError `failed-precondition` for what its description does not give it: input, a terminal
   */
  async attachUrl(
    address: ContainerAddress,
    options: { stdin: boolean; tty: boolean },
    signal: AbortSignal,
  ): Promise<string> {
    const { record, name } = this.#find(address);
    const { id } = await this.#newest(record, name, signal);
    const { stdin = false, tty = false } = allContainers(record.pod).find((one) => one.name === name) ?? {};
    const what = `container ${name} of pod ${podName(record.pod)}`;
    const missing = options.stdin && !stdin ? 'stdin' : options.tty && !tty ? 'tty' : undefined;
    if (missing) {
      throw new CodedError(
        'failed-precondition',
        `${what} has no ${missing}: its manifest does not ask for it`,
      );
    }
    const request = { containerId: id, stdin: options.stdin, tty, stdout: true, stderr: !tty };
    try {
      return (await this.#runtime.attach(request, { signal, timeoutMs: 30_000 })).url;
    } catch (error) {
      throw fromRpc(`attaching to ${what}`, error);
    }
  }

  /**
   * @param port at least one, 1 to 65535
   * @returns the URL at which the runtime serves one connection to each port, once
   */
  async portForwardUrl(
    namespace: string,
    pod: string,
    port: readonly number[],
    signal: AbortSignal,
  ): Promise<string> {
    const { record } = this.#find({ namespace, pod });
    const { sandboxes } = await actualPod(this.#runtime, record.pod.metadata.uid, signal);
    const sandbox = sandboxes.find(({ ready }) => ready);
    if (!sandbox) throw new CodedError('failed-precondition', `pod ${podName(record.pod)} does not run`);
    try {
      const request = { podSandboxId: sandbox.id, port: [...port] };
      return (await this.#runtime.portForward(request, { signal, timeoutMs: 30_000 })).url;
    } catch (error) {
      throw fromRpc(`reaching the ports of pod ${podName(record.pod)}`, error);
    }
  }

  /** @throws CodedError `not-found` where the container has not run, or not before */
  async *log(
    address: ContainerAddress,
    options: { tail?: number; follow: boolean; previous: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<LogPiece> {
    const { record, name } = this.#find(address);
    const found = await this.#newest(record, name, signal);
    const run = options.previous ? found.restarts - 1 : found.restarts;
    const what = `container ${name} of pod ${podName(record.pod)}`;
    if (run < 0) throw new CodedError('not-found', `${what} has not run before`);
    const path = join(this.#directories.logsOf(record.pod), name, `${run}.log`);
    const ended = async () => {
      if (options.previous) return true;
      const { containers } = await actualPod(this.#runtime, record.pod.metadata.uid, signal);
      return !containers.some(({ id, state }) => id === found.id && state !== 'exited');
    };
    const { tail, follow } = options;
    yield* readContainerLog(path, { follow, ended, ...(tail === undefined ? {} : { tail }) }, signal);
  }

  /** @throws CodedError `not-found` unless this node has the pod, and it the container */
  mustHave(address: ContainerAddress): void {
    this.#find(address);
  }

  #find({ namespace, pod, container }: ContainerAddress): { record: PodRecord; name: string } {
    const record = this.#pods.find(namespace, pod);
    if (!record) throw new CodedError('not-found', `this node has no pod ${namespace}/${pod}`);
    const names = allContainers(record.pod).map(({ name }) => name);
    const name = container ?? record.pod.spec.containers[0]?.name ?? '';
    if (names.includes(name)) return { record, name };
    throw new CodedError(
      'not-found',
      `pod ${namespace}/${pod} has no container ${name}: it has ${names.join(', ')}`,
    );
  }

  async #newest(record: PodRecord, name: string, signal: AbortSignal): Promise<ActualContainer> {
    const { containers } = await actualPod(this.#runtime, record.pod.metadata.uid, signal);
    const found = newest(containers, name);
    if (found) return found;
    throw new CodedError(
      'failed-precondition',
      `container ${name} of pod ${podName(record.pod)} has not been made yet`,
    );
  }
}
