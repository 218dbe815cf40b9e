import { isCoded } from '../errors/coded-error.ts';
import { exposition, type Labels, Metric, operationBounds } from '../metrics/registry.ts';
import type { Checkpointer } from '../pods/checkpointer.ts';

/** Seconds; from a quick freeze to a dump of many gigabytes. */
const checkpointBounds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
/** Bytes; 1 MiB to 1 TiB. */
const sizeBounds = Array.from({ length: 11 }, (_, at) => 2 ** (20 + 2 * at));

/** Microseconds for which nothing ran, as the archive says; undefined where it does not. */
export type FrozenOf = (archive: string) => Promise<number | undefined>;

interface MadeCheckpoint {
  archive?: string;
  path?: string;
  size?: number;
  frozenMicroseconds?: number;
}

/** What a scraper is told: the kubelet's names where it has them. */
export class ServerMetrics {
  readonly #requests = new Metric(
    'kubelet_http_requests_total',
    'counter',
    'Number of the http requests received since the server started',
  );
  readonly #durations = new Metric(
    'kubelet_http_requests_duration_seconds',
    'histogram',
    'Duration in seconds to serve http requests',
    operationBounds,
  );
  readonly #inFlight = new Metric(
    'kubelet_http_inflight_requests',
    'gauge',
    'Number of the inflight http requests',
  );
  readonly #operations = new Metric(
    'kubelet_runtime_operations_total',
    'counter',
    'Cumulative number of runtime operations by operation type.',
  );
  readonly #errors = new Metric(
    'kubelet_runtime_operations_errors_total',
    'counter',
    'Cumulative number of runtime operation errors by operation type.',
  );
  readonly #operationTimes = new Metric(
    'kubelet_runtime_operations_duration_seconds',
    'histogram',
    'Duration in seconds of runtime operations. Broken down by operation type.',
    operationBounds,
  );
  readonly #checkpointing = new Metric(
    'stasis_checkpoints_in_flight',
    'gauge',
    'Checkpoints being made now, by what is checkpointed.',
  );
  readonly #checkpointTimes = new Metric(
    'stasis_checkpoint_duration_seconds',
    'histogram',
    'Time that a checkpoint took until its archive was complete.',
    checkpointBounds,
  );
  readonly #frozenTimes = new Metric(
    'stasis_checkpoint_frozen_seconds',
    'histogram',
    'Time for which nothing in the container ran.',
    checkpointBounds,
  );
  readonly #sizes = new Metric(
    'stasis_checkpoint_size_bytes',
    'histogram',
    'Size of the archive.',
    sizeBounds,
  );
  readonly #failures = new Metric(
    'stasis_checkpoint_failures_total',
    'counter',
    'Checkpoints that failed, by what is checkpointed and error code.',
  );
  readonly #frozenOf: FrozenOf | undefined;
  readonly #others: readonly Metric[];

  /**
   * @param frozenOf finds out how long it was frozen where the runtime did not tell
   * @param others are told besides, by whoever keeps them
   */
  constructor(frozenOf?: FrozenOf, others: readonly Metric[] = []) {
    this.#frozenOf = frozenOf;
    this.#others = others;
    for (const kind of ['container', 'pod']) this.#checkpointing.add({ kind }, 0);
  }

  /** A request began; the returned function is called when it has been answered. */
  request(method: string, path: string): () => void {
    const labels = {
      long_running: 'false',
      method: known(method),
      path: bucketOf(path),
      server_type: 'readwrite',
    };
    const began = performance.now();
    this.#requests.add(labels);
    this.#inFlight.add(labels);
    return () => {
      this.#inFlight.add(labels, -1);
      this.#durations.observe(labels, (performance.now() - began) / 1000);
    };
  }

  /** `checkpointer` with every checkpoint counted. */
  counted(checkpointer: Checkpointer): Checkpointer {
    return {
      containersOf: (namespace, pod, signal) => checkpointer.containersOf(namespace, pod, signal),
      checkpoint: (target, timeout, signal, tell) =>
        this.checkpoint('container', () => checkpointer.checkpoint(target, timeout, signal, tell)),
    };
  }

  /** Counts and measures the making of one checkpoint. */
  async checkpoint<T extends MadeCheckpoint>(kind: 'container' | 'pod', make: () => Promise<T>): Promise<T> {
    const labels = { kind };
    const operation = { operation_type: `checkpoint_${kind}` };
    const began = performance.now();
    const seconds = (): number => (performance.now() - began) / 1000;
    this.#operations.add(operation);
    this.#checkpointing.add(labels);
    try {
      const made = await make();
      this.#checkpointTimes.observe(labels, seconds());
      this.#measure(labels, made);
      return made;
    } catch (error) {
      this.#errors.add(operation);
      this.#failures.add({ kind, reason: isCoded(error) ? error.code : 'internal' });
      throw error;
    } finally {
      this.#checkpointing.add(labels, -1);
      this.#operationTimes.observe(operation, seconds());
    }
  }

  #measure(labels: Labels, { size, frozenMicroseconds, archive, path }: MadeCheckpoint): void {
    if (size !== undefined) this.#sizes.observe(labels, size);
    const observe = (microseconds: number | undefined): void => {
      if (microseconds !== undefined) this.#frozenTimes.observe(labels, microseconds / 1_000_000);
    };
    const file = archive ?? path;
    if (frozenMicroseconds !== undefined || file === undefined) observe(frozenMicroseconds);
    // Nobody waits for it; an archive that does not say is left out.
    else this.#frozenOf?.(file).then(observe, () => undefined);
  }

  text(): string {
    return exposition([
      this.#requests,
      this.#durations,
      this.#inFlight,
      this.#operations,
      this.#errors,
      this.#operationTimes,
      this.#checkpointing,
      this.#checkpointTimes,
      this.#frozenTimes,
      this.#sizes,
      this.#failures,
      ...this.#others,
    ]);
  }
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

function known(method: string): string {
  return methods.includes(method) ? method : 'other';
}

const roots = ['checkpoint', 'healthz', 'livez', 'readyz', 'metrics', 'openapi.json', 'apis'];

/** The first part of a path where it is one of ours, as the kubelet groups them. */
function bucketOf(path: string): string {
  const first = path.split('/')[1] ?? '';
  return roots.includes(first) ? first : 'Invalid path';
}
