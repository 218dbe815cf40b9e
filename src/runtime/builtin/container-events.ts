import type { ContainerEventType } from '../../gen/cri/v1/api_pb.ts';

export interface ContainerEvent {
  containerId: string;
  sandboxId: string;
  type: ContainerEventType;
}

/** A listener that does not keep up loses its oldest events beyond this many. */
const mostWaiting = 1000;

/** Tells everyone who listens what happens to containers. */
export class ContainerEvents {
  readonly #listeners = new Set<(event: ContainerEvent) => void>();

  emit(event: ContainerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Events from now on, until `signal` aborts. */
  async *listen(signal: AbortSignal): AsyncGenerator<ContainerEvent> {
    const waiting: ContainerEvent[] = [];
    let wake = (): void => {};
    const listener = (event: ContainerEvent): void => {
      waiting.push(event);
      if (waiting.length > mostWaiting) waiting.shift();
      wake();
    };
    const onAbort = (): void => wake();
    this.#listeners.add(listener);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const event = waiting.shift();
        if (event !== undefined) yield event;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.#listeners.delete(listener);
      signal.removeEventListener('abort', onAbort);
    }
  }
}
