import type { CheckpointSummary, InspectRequest, SearchRequest } from '../api/stasis.ts';
import type { ErrorCode } from '../errors/code.ts';
import type { MakeTask, PrintTask, ReadTask, StateTask, UnpackTask } from '../pods/look-tasks.ts';

/** What one thread is to look at. */
export type LookTask =
  | { kind: 'inspect'; archive: Pick<CheckpointSummary, 'path' | 'kind'>; request: InspectRequest }
  | {
      kind: 'search';
      archive: Pick<CheckpointSummary, 'path' | 'kind'>;
      container: string | undefined;
      request: SearchRequest;
    }
  | { kind: 'stateFiles' | 'verifyState'; rootDirectory: string }
  | { kind: 'stateContent'; rootDirectory: string; file: string }
  | { kind: 'stateDifferences'; rootDirectory: string; file: string }
  | { kind: 'statePreflight'; place: StateTask['place']; from: string; to: string }
  | { kind: 'changeState'; task: StateTask }
  | { kind: 'print'; task: PrintTask; runtimeEndpoint: string | undefined }
  | { kind: 'read'; task: ReadTask }
  | { kind: 'make'; task: MakeTask }
  | UnpackTask;

/** What it sends: values one after the other, then how it ended. */
export type LookMessage =
  | { value: unknown }
  /** It wants to begin what is not to be cut off, and waits until it is told to. */
  | { begin: true }
  | { done: true }
  | { error: { code: ErrorCode; message: string; hint?: string | undefined } };

/** Values that a thread sends before the first of them has been taken. */
export const window = 64;

/** What a thread is told: that a value was taken, or to begin. */
export type LookReply = 'taken' | 'begin';
