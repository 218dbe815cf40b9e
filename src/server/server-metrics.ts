import { exposition, Metric, operationBounds } from '../metrics/registry.ts';
import type { Checkpointer } from '../pods/checkpointer.ts';

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
    'Checkpoints being made now.',
  );

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
    const labels = { operation_type: 'checkpoint_container' };
    return {
      containersOf: (namespace, pod, signal) => checkpointer.containersOf(namespace, pod, signal),
      checkpoint: async (target, timeout, signal) => {
        const began = performance.now();
        this.#operations.add(labels);
        this.#checkpointing.add({});
        try {
          return await checkpointer.checkpoint(target, timeout, signal);
        } catch (error) {
          this.#errors.add(labels);
          throw error;
        } finally {
          this.#checkpointing.add({}, -1);
          this.#operationTimes.observe(labels, (performance.now() - began) / 1000);
        }
      },
    };
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
    ]);
  }
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

function known(method: string): string {
  return methods.includes(method) ? method : 'other';
}

const roots = ['checkpoint', 'healthz', 'livez', 'metrics', 'apis'];

/** The first part of a path where it is one of ours, as the kubelet groups them. */
function bucketOf(path: string): string {
  const first = path.split('/')[1] ?? '';
  return roots.includes(first) ? first : 'Invalid path';
}
