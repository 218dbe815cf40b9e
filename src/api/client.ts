import type { HttpStream } from './api-calls.ts';
import { type CheckpointResponse, type CheckpointTarget, checkpointPath } from './kubelet-checkpoint.ts';
import type {
  AttachRequest,
  CheckpointDescription,
  CheckpointSummary,
  ContainerCheckpointResult,
  CpuSummary,
  DeviceSummary,
  DrainResult,
  ExecRequest,
  InspectRequest,
  List,
  NodeStatus,
  Operation,
  PodCheckpointResult,
  PodDetails,
  PodSummary,
  PortForwardRequest,
  RestorePreflight,
  RestoreRequest,
  RestoreResult,
  RuntimeStatus,
  SearchEnd,
  SearchHit,
  SearchRequest,
  StateContent,
  StateFileReport,
  StateFileSummary,
  StreamGrant,
} from './stasis.ts';
import { StateCalls } from './state-calls.ts';
import { eventsIn, linesIn } from './text-stream.ts';

export type { HttpAnswer, HttpRequest, HttpStream, Send, StreamSend } from './api-calls.ts';

/** Where a download goes on: from this byte, if the archive is still the one of this tag. */
export interface ResumeAt {
  offset: number;
  tag: string;
}

/** The daemon's API in types. Every method fails with a CodedError that has the daemon's words. */
export class StasisClient extends StateCalls {
  /** Through the Kubelet Checkpoint API. @returns paths of the archives on the node */
  async checkpointContainer(
    target: CheckpointTarget,
    timeout: number | undefined,
    signal: AbortSignal,
  ): Promise<string[]> {
    const answer = await this.request('POST', checkpointPath(target, timeout), undefined, signal);
    return (JSON.parse(answer) as CheckpointResponse).items;
  }

  /** Through our own API, which says more of what was made. */
  makeContainerCheckpoint(
    target: CheckpointTarget,
    timeout: number | undefined,
    signal: AbortSignal,
  ): Promise<ContainerCheckpointResult> {
    return this.json('checkpointContainer', { parts: { ...target }, query: { timeout } }, signal);
  }

  checkpointPod(
    namespace: string,
    pod: string,
    timeout: number | undefined,
    signal: AbortSignal,
    volumes?: string,
  ): Promise<PodCheckpointResult> {
    const query = { timeout, volumes };
    return this.json('checkpointPod', { parts: { namespace, pod }, query }, signal);
  }

  /** Begins the checkpoint of a container, or of a pod, that goes on without us. */
  startCheckpoint(
    target: Operation['target'],
    timeout: number | undefined,
    signal: AbortSignal,
    volumes?: string,
  ): Promise<Operation> {
    const { container, ...pod } = target;
    const query = { timeout, async: true };
    return container === undefined
      ? this.json('checkpointPod', { parts: pod, query: { ...query, volumes } }, signal)
      : this.json('checkpointContainer', { parts: { ...pod, container }, query }, signal);
  }

  operations(signal: AbortSignal): Promise<List<Operation>> {
    return this.json('operations', {}, signal);
  }

  operation(operation: string, signal: AbortSignal): Promise<Operation> {
    return this.json('operation', { parts: { operation } }, signal);
  }

  /** The operation now and whenever it changes; ends after its end. */
  async *follow(operation: string, signal: AbortSignal): AsyncGenerator<Operation> {
    const { body } = await this.open('operationEvents', { parts: { operation } }, signal);
    for await (const event of eventsIn(body)) yield JSON.parse(event) as Operation;
  }

  /** Cancels it and waits for its end; forgets one that has ended. */
  cancel(operation: string, signal: AbortSignal): Promise<Operation> {
    return this.json('cancelOperation', { parts: { operation } }, signal);
  }

  drain(timeout: number | undefined, signal: AbortSignal, volumes?: string): Promise<DrainResult> {
    return this.json('drain', { query: { timeout, volumes } }, signal);
  }

  uncordon(signal: AbortSignal): Promise<NodeStatus> {
    return this.json('uncordon', {}, signal);
  }

  restore(request: RestoreRequest, signal: AbortSignal): Promise<RestoreResult> {
    return this.json('restore', { body: request }, signal);
  }

  /** What {@link restore} would lack; nothing is touched. */
  restorePreflight(request: RestoreRequest, signal: AbortSignal): Promise<RestorePreflight> {
    return this.json('restorePreflight', { body: request }, signal);
  }

  node(signal: AbortSignal): Promise<NodeStatus> {
    return this.json('node', {}, signal);
  }

  runtime(signal: AbortSignal): Promise<RuntimeStatus> {
    return this.json('runtime', {}, signal);
  }

  /** One line for each check. @throws CodedError with those lines where one fails */
  ready(signal: AbortSignal): Promise<string> {
    return this.call('ready', { query: { verbose: true } }, signal);
  }

  /** In the text format of Prometheus. */
  metrics(signal: AbortSignal): Promise<string> {
    return this.call('metrics', {}, signal);
  }

  /** The OpenAPI document. */
  document(signal: AbortSignal): Promise<Record<string, unknown>> {
    return this.json('document', {}, signal);
  }

  pods(signal: AbortSignal): Promise<List<PodSummary>> {
    return this.json('pods', {}, signal);
  }

  pod(namespace: string, pod: string, signal: AbortSignal): Promise<PodDetails> {
    return this.json('pod', { parts: { namespace, pod } }, signal);
  }

  /** @returns the path at which the streams of the command are opened */
  async exec(namespace: string, pod: string, request: ExecRequest, signal: AbortSignal): Promise<string> {
    const granted = this.json<StreamGrant>('exec', { parts: { namespace, pod }, body: request }, signal);
    return (await granted).path;
  }

  /** @returns the path at which the streams of the container are opened */
  async attach(namespace: string, pod: string, request: AttachRequest, signal: AbortSignal): Promise<string> {
    const granted = this.json<StreamGrant>('attach', { parts: { namespace, pod }, body: request }, signal);
    return (await granted).path;
  }

  /** @returns the path at which connections to the ports are opened */
  async portForward(
    namespace: string,
    pod: string,
    request: PortForwardRequest,
    signal: AbortSignal,
  ): Promise<string> {
    const granted = this.json<StreamGrant>(
      'portForward',
      { parts: { namespace, pod }, body: request },
      signal,
    );
    return (await granted).path;
  }

  /** @returns the path at which what the container has written is read */
  async log(
    namespace: string,
    pod: string,
    query: { container?: string; tail?: number; follow: boolean; previous: boolean },
    signal: AbortSignal,
  ): Promise<string> {
    const granted = this.json<StreamGrant>('log', { parts: { namespace, pod }, query }, signal);
    return (await granted).path;
  }

  async deletePod(namespace: string, pod: string, signal: AbortSignal): Promise<void> {
    await this.call('deletePod', { parts: { namespace, pod } }, signal);
  }

  cpus(signal: AbortSignal): Promise<List<CpuSummary>> {
    return this.json('cpus', {}, signal);
  }

  devices(signal: AbortSignal): Promise<List<DeviceSummary>> {
    return this.json('devices', {}, signal);
  }

  checkpoints(signal: AbortSignal): Promise<List<CheckpointSummary>> {
    return this.json('checkpoints', {}, signal);
  }

  describeCheckpoint(checkpoint: string, signal: AbortSignal): Promise<CheckpointDescription> {
    return this.json('checkpoint', { parts: { checkpoint } }, signal);
  }

  /** @param force delete it although it is pinned */
  async deleteCheckpoint(checkpoint: string, force: boolean, signal: AbortSignal): Promise<void> {
    const query = { force: force ? true : undefined };
    await this.call('deleteCheckpoint', { parts: { checkpoint }, query }, signal);
  }

  pin(checkpoint: string, reason: string, signal: AbortSignal): Promise<CheckpointDescription> {
    return this.json('pin', { parts: { checkpoint }, body: { reason } }, signal);
  }

  unpin(checkpoint: string, signal: AbortSignal): Promise<CheckpointDescription> {
    return this.json('unpin', { parts: { checkpoint } }, signal);
  }

  /** The archive's bytes, all of them or from where an earlier download ended; the tag is in the header `etag`. */
  download(checkpoint: string, from: ResumeAt | undefined, signal: AbortSignal): Promise<HttpStream> {
    const headers = from ? { range: `bytes=${from.offset}-`, 'if-range': from.tag } : {};
    return this.open('download', { parts: { checkpoint } }, signal, headers);
  }

  inspect(
    checkpoint: string,
    request: InspectRequest,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    return this.json('inspect', { parts: { checkpoint }, query: { ...request } }, signal);
  }

  /** Hits as they are found, and last how it ended. */
  async *search(
    checkpoint: string,
    container: string | undefined,
    request: SearchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<SearchHit | SearchEnd> {
    const call = { parts: { checkpoint }, query: { container }, body: request };
    const { body } = await this.open('search', call, signal);
    for await (const line of linesIn(body)) yield JSON.parse(line) as SearchHit | SearchEnd;
  }

  stateFiles(signal: AbortSignal): Promise<List<StateFileSummary>> {
    return this.json('stateFiles', {}, signal);
  }

  verifyState(signal: AbortSignal): Promise<List<StateFileReport>> {
    return this.json('verifyState', {}, signal);
  }

  stateContent(file: string, signal: AbortSignal): Promise<StateContent> {
    return this.json('stateContent', { query: { file } }, signal);
  }
}
