import { Worker } from 'node:worker_threads';
import type { SearchEnd, SearchHit, StateContent, StateFileReport, StateFileSummary } from '../api/stasis.ts';
import type { StateChanges, StateDifference, StateForecast } from '../api/state-shapes.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import type { CheckpointedPods } from '../kubeletstate/checkpointed-pods.ts';
import type { MakeResult } from '../pods/look-tasks.ts';
import type { LookInside } from '../pods/node-control.ts';
import type { LookMessage, LookReply, LookTask } from './look-task.ts';

/** Looks that go on at once; each is a thread and may hold a compressed archive's images in memory. */
const mostLooks = 4;
/** The same for what is read or written whole, whose clients may be slow: looks do not wait for them. */
const mostWhole = 4;
/** Milliseconds after which a look is given up. */
const searchTime = 600_000;
const otherTime = 120_000;
/** The same for what is read or written whole: as long as a large archive takes on a slow disk. */
const wholeTime = 3_600_000;

/** Looks into archives and state files in threads of their own, a few at once. */
export function lookInside(rootDirectory: string, runtimeEndpoint?: string): LookInside {
  const place = { rootDirectory, runtimeEndpoint };
  const places: Places = { looks: mostLooks, whole: mostWhole };
  const one = async <T>(task: LookTask, signal: AbortSignal): Promise<T> => {
    for await (const value of look(task, places, signal)) return value as T;
    throw new CodedError('internal', 'the thread ended without an answer');
  };
  return {
    inspect: (archive, request, signal) => one<string>({ kind: 'inspect', archive, request }, signal),
    search: (archive, container, request, signal) =>
      look({ kind: 'search', archive, container, request }, places, signal) as AsyncIterable<
        SearchHit | SearchEnd
      >,
    stateFiles: (signal) => one<StateFileSummary[]>({ kind: 'stateFiles', rootDirectory }, signal),
    verifyState: (signal) => one<StateFileReport[]>({ kind: 'verifyState', rootDirectory }, signal),
    stateContent: (file, signal) => one<StateContent>({ kind: 'stateContent', rootDirectory, file }, signal),
    stateDifferences: (file, signal) =>
      one<StateDifference[]>({ kind: 'stateDifferences', rootDirectory, file }, signal),
    statePreflight: (from, to, signal) =>
      one<StateForecast[]>({ kind: 'statePreflight', place, from, to }, signal),
    changeState: (change, signal) =>
      one<StateChanges>({ kind: 'changeState', task: { ...change, place } }, signal),
    print: (task, signal) => one<string>({ kind: 'print', task, runtimeEndpoint }, signal),
    read: (task, signal) => look({ kind: 'read', task }, places, signal) as AsyncIterable<Uint8Array>,
    unpack: (task, signal) => one<CheckpointedPods>(task, signal),
    make: (task, signal) => one<MakeResult>({ kind: 'make', task }, signal),
  };
}

/** How many threads of each sort may still begin. */
interface Places {
  looks: number;
  whole: number;
}

const busy: Readonly<Record<keyof Places, string>> = {
  looks: `${mostLooks} archives are being looked into, try again later`,
  whole: `${mostWhole} archives are being read or written whole, try again later`,
};

async function* look(task: LookTask, places: Places, signal: AbortSignal): AsyncGenerator<unknown> {
  signal.throwIfAborted();
  const sort = isWhole(task) ? 'whole' : 'looks';
  if (places[sort] === 0) throw new CodedError('busy', busy[sort]);
  places[sort]--;
  const here = import.meta.url;
  const file = new URL(here.endsWith('.ts') ? './look-thread.ts' : './look-thread.js', here);
  const thread = new Worker(file, { workerData: task, resourceLimits: { maxOldGenerationSizeMb: 1024 } });
  const messages: LookMessage[] = [];
  let wake = (): void => undefined;
  const tell = (message: LookMessage): void => {
    messages.push(message);
    wake();
  };
  thread.on('message', tell);
  thread.on('error', (error) => tell(failed('resource-exhausted', messageOf(error))));
  thread.on('exit', () => tell(failed('internal', 'the thread ended')));
  const all = AbortSignal.any([signal, AbortSignal.timeout(timeOf(task))]);
  const stop = (): void =>
    tell(
      signal.aborted
        ? failed('cancelled', 'it was given up')
        : failed('deadline-exceeded', 'it took too long'),
    );
  all.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      const message = messages.shift();
      if (message === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if ('begin' in message) {
        // Who has gone by now is told so next, and the thread has begun nothing.
        if (all.aborted) continue;
        all.removeEventListener('abort', stop);
        thread.postMessage('begin' satisfies LookReply);
      } else if ('value' in message) {
        thread.postMessage('taken' satisfies LookReply);
        yield message.value;
      } else if ('done' in message) return;
      else throw new CodedError(message.error.code, message.error.message, hintOf(message.error.hint));
    }
  } finally {
    all.removeEventListener('abort', stop);
    places[sort]++;
    await thread.terminate();
  }
}

function isWhole({ kind }: LookTask): boolean {
  return kind === 'read' || kind === 'make' || kind === 'unpack';
}

function timeOf(task: LookTask): number {
  if (task.kind === 'search') return searchTime;
  return isWhole(task) || task.kind === 'print' ? wholeTime : otherTime;
}

function failed(
  code: 'resource-exhausted' | 'internal' | 'cancelled' | 'deadline-exceeded',
  message: string,
) {
  return { error: { code, message: `looking inside: ${message}` } };
}

function hintOf(hint: string | undefined): { hint?: string } {
  return hint === undefined ? {} : { hint };
}
