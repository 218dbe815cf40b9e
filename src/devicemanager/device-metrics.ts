import { Metric } from '../metrics/registry.ts';

/** Seconds; the usual bounds of Prometheus, which the kubelet has here. */
const allocationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What a scraper is told of device plugins: the kubelet's names and words. */
export class DeviceMetrics {
  readonly #registrations = new Metric(
    'kubelet_device_plugin_registration_total',
    'counter',
    'Cumulative number of device plugin registrations. Broken down by resource name.',
  );
  readonly #allocations = new Metric(
    'kubelet_device_plugin_alloc_duration_seconds',
    'histogram',
    'Duration in seconds to serve a device plugin Allocation request. Broken down by resource name.',
    allocationBounds,
  );
  readonly all: readonly Metric[] = [this.#registrations, this.#allocations];

  /** A plugin asks to be registered, whatever it is answered. */
  registration(resource: string): void {
    this.#registrations.add({ resource_name: resource });
  }

  /** Measures an `Allocate`, whatever comes of it. */
  async allocation<T>(resource: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.#allocations.observe({ resource_name: resource }, (performance.now() - began) / 1000);
    }
  }
}
