import { randomUUID } from 'node:crypto';
import type {
  ContainerCheckpointResult,
  Operation,
  OperationTarget,
  PodCheckpointResult,
} from '../api/stasis.ts';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import type { Tell } from './progress.ts';

export type CheckpointResult = PodCheckpointResult | ContainerCheckpointResult;

/** What an operation does: makes the checkpoint, then takes the archive's digest. */
export interface OperationWork {
  make(signal: AbortSignal, tell: Tell): Promise<CheckpointResult>;
  digest(path: string, signal: AbortSignal): Promise<string>;
  /** Called once when it has ended. */
  ended(operation: Operation): void;
}

export interface OperationLimits {
  /** Most that are remembered; the oldest that have ended are forgotten first. */
  most: number;
  /** Milliseconds that one is remembered after its end. */
  keep: number;
}

export const defaultOperationLimits: OperationLimits = { most: 256, keep: 3_600_000 };

interface Entry {
  operation: Operation;
  readonly cancel: AbortController;
  readonly over: Promise<void>;
  /** Called at each change. */
  readonly listeners: Set<() => void>;
}

/** Checkpoints that go on without their clients, until they end, are cancelled, or the daemon stops. */
export class CheckpointOperations {
  readonly #limits: OperationLimits;
  readonly #entries = new Map<string, Entry>();
  readonly #stopping: AbortSignal;

  /** @param stopping cancels all of them */
  constructor(stopping: AbortSignal, limits: Partial<OperationLimits> = {}) {
    this.#limits = { ...defaultOperationLimits, ...limits };
    this.#stopping = stopping;
  }

  /** @throws CodedError `busy` where as many are being made as are remembered */
  start(target: OperationTarget, by: string, work: OperationWork): Operation {
    this.#forget(this.#limits.most - 1);
    if (this.#entries.size >= this.#limits.most) {
      throw new CodedError('busy', `${this.#entries.size} checkpoints are being made, try again later`);
    }
    const cancel = new AbortController();
    const operation: Operation = {
      ...{ apiVersion: 'stasis/v1', kind: 'Operation', id: randomUUID(), target, by },
      ...{ state: 'running', stage: 'waiting', created: new Date().toISOString() },
    };
    const done = Promise.withResolvers<void>();
    const entry: Entry = { operation, cancel, over: done.promise, listeners: new Set() };
    this.#entries.set(operation.id, entry);
    void this.#run(entry, work).finally(done.resolve);
    return operation;
  }

  list(): Operation[] {
    this.#forget(this.#limits.most);
    return [...this.#entries.values()].map(({ operation }) => operation);
  }

  /** @throws CodedError `not-found` */
  get(id: string): Operation {
    return this.#entry(id).operation;
  }

  /** Cancels it and waits for its end; forgets one that has ended. @throws CodedError `not-found` */
  async cancel(id: string): Promise<Operation> {
    const entry = this.#entry(id);
    if (entry.operation.state !== 'running') {
      this.#entries.delete(id);
      return entry.operation;
    }
    entry.cancel.abort(new CodedError('cancelled', 'the checkpoint was cancelled'));
    await entry.over;
    return entry.operation;
  }

  /** The operation now and after each change, the last when it has ended. Who is slow misses some between. */
  async *follow(id: string, signal: AbortSignal): AsyncGenerator<Operation> {
    const { listeners } = this.#entry(id);
    const entry = this.#entry(id);
    let wake = (): void => undefined;
    const changed = (): void => wake();
    listeners.add(changed);
    const all = AbortSignal.any([signal, this.#stopping]);
    all.addEventListener('abort', changed, { once: true });
    try {
      for (let shown: Operation | undefined; !all.aborted; ) {
        const next = new Promise<void>((resolve) => {
          wake = resolve;
        });
        if (shown !== entry.operation) {
          shown = entry.operation;
          yield shown;
          if (shown.state !== 'running') return;
        } else await next;
      }
    } finally {
      listeners.delete(changed);
      all.removeEventListener('abort', changed);
    }
  }

  /** Resolves when none is being made any more. */
  async idle(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ over }) => over));
  }

  async #run(entry: Entry, { make, digest, ended }: OperationWork): Promise<void> {
    const signal = AbortSignal.any([entry.cancel.signal, this.#stopping]);
    const tell: Tell = (progress) => {
      const { written: _w, estimated: _e, ...rest } = entry.operation;
      change(entry, { ...rest, ...progress });
    };
    try {
      const result = await make(signal, tell);
      tell({ stage: 'digest', written: 0, estimated: result.size });
      // The archive is complete: whoever cancels now has come too late, and the digest alone is left out.
      const found = await digest(result.archive, signal).catch(() => undefined);
      tell({ stage: 'done' });
      end(entry, { state: 'succeeded', result, ...(found === undefined ? {} : { digest: found }) });
    } catch (error) {
      const coded = isCoded(error) ? error : new CodedError('internal', messageOf(error));
      const { code, message, hint } = signal.aborted && isCoded(signal.reason) ? signal.reason : coded;
      const state = signal.aborted ? 'cancelled' : 'failed';
      end(entry, { state, error: { code, message, ...(hint === undefined ? {} : { hint }) } });
    } finally {
      ended(entry.operation);
    }
  }

  #entry(id: string): Entry {
    this.#forget(this.#limits.most);
    const found = this.#entries.get(id);
    if (found) return found;
    throw new CodedError('not-found', `there is no operation ${JSON.stringify(id)}, or it ended long ago`);
  }

  /** Forgets what ended long ago, and the oldest that have ended where there are more than `most`. */
  #forget(most: number): void {
    const old = Date.now() - this.#limits.keep;
    for (const [id, { operation }] of this.#entries) {
      if (operation.finished === undefined) continue;
      if (Date.parse(operation.finished) < old || this.#entries.size > most) this.#entries.delete(id);
    }
  }
}

function change(entry: Entry, operation: Operation): void {
  entry.operation = operation;
  for (const listener of entry.listeners) listener();
}

function end(entry: Entry, how: Partial<Operation>): void {
  const { written: _w, estimated: _e, ...rest } = entry.operation;
  change(entry, { ...rest, ...how, finished: new Date().toISOString() });
}
