import { isAbsolute } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import type { CheckpointContainerRequest } from '../../gen/cri/v1/api_pb.ts';
import { createAt, type WrittenArchive, writeArchive } from './checkpoint-archive.ts';
import { type Captured, type CaptureTarget, captureTogether } from './checkpoint-capture.ts';
import { openScratch } from './checkpoint-scratch.ts';
import { criuFacts } from './criu.ts';
import { Deadline } from './deadline.ts';
import { cgroupOf } from './freezer.ts';
import type { BuiltinRuntime } from './hooks.ts';
import type { CriuOptions } from './oci-runtime.ts';
import { phaseOf } from './records.ts';

/** For a request that names no timeout. */
export const defaultTimeoutMs = 120_000;

/** What is captured unless the caller wants otherwise: open connections and file locks are kept. */
export const defaultOptions: CriuOptions = {
  tcpEstablished: true,
  fileLocks: true,
  extUnixSk: false,
  shellJob: false,
};

/** What one checkpoint was like, for whoever operates this. */
export interface CheckpointReport extends WrittenArchive {
  containerId: string;
  name: string;
  location: string;
  frozenMicroseconds: number;
  /** How often the container was frozen until a good moment was found. */
  attempts: number;
}

/**
 * CRI's CheckpointContainer: a consistent archive of a running container, which goes on running. Whatever
 * happens, nothing partial is left and the container is not left frozen.
 * @throws CodedError as `captureTogether` and `writeArchive` do.
 */
export async function checkpointContainer(
  runtime: BuiltinRuntime,
  request: CheckpointContainerRequest,
  signal: AbortSignal,
): Promise<CheckpointReport> {
  const { containerId, location } = request;
  if (!isAbsolute(location)) {
    throw new CodedError('invalid-argument', `location ${JSON.stringify(location)} is not an absolute path`);
  }
  const timeoutMs = timeoutOf(request.timeout);
  const found = await runtime.container(containerId);
  return runtime.exclusively(found.id, async () => {
    const target = await targetOf(runtime, found.id);
    const name = target.container.config.metadata?.name ?? '';
    const deadline = new Deadline(`checkpointing container ${name}`, timeoutMs, signal);
    await criuFacts('criu', deadline.call());
    // Before anything is frozen: whether the archive can be written at all.
    await (await createAt(location)).discard();
    const owner = { cgroups: [target.cgroup], networks: [target.network] };
    const scratch = await openScratch(runtime.paths, owner);
    try {
      const [captured] = await captureTogether([target], scratch.path, defaultOptions, deadline);
      if (captured === undefined) throw new CodedError('internal', 'nothing was captured');
      const written = await writeArchive(runtime.paths, captured, location, defaultOptions, deadline);
      const report = reportOf(captured, location, written);
      runtime.log(describe(report));
      return report;
    } finally {
      await scratch.close();
    }
  });
}

/** Seconds as CRI has them; 0 is the runtime's own default. */
function timeoutOf(seconds: bigint): number {
  if (seconds < 0n) throw new CodedError('invalid-argument', `timeout ${seconds} is negative`);
  if (seconds === 0n) return defaultTimeoutMs;
  // Longer than a timer can be set for would fire at once.
  return Number(seconds > 2_000_000n ? 2_000_000n : seconds) * 1000;
}

/** @throws CodedError `failed-precondition` unless the container runs, in a cgroup of its own. */
export async function targetOf(runtime: BuiltinRuntime, id: string): Promise<CaptureTarget> {
  const container = await runtime.container(id);
  const name = container.config.metadata?.name ?? id;
  const phase = phaseOf(container);
  if (phase !== 'running' || container.process === undefined) {
    throw new CodedError('failed-precondition', `container ${name} (${id}) is not running, it is ${phase}`);
  }
  const sandbox = runtime.sandbox(container.sandboxId);
  const cgroup = await cgroupOf(container.process.pid);
  if (!cgroup.endsWith(container.cgroup)) {
    throw new CodedError(
      'failed-precondition',
      `container ${name} is in the cgroup ${cgroup}, which is not its own (${container.cgroup}): it cannot be frozen alone`,
    );
  }
  return {
    paths: runtime.paths,
    container,
    sandbox,
    oci: runtime.ociRuntimeOf(sandbox),
    cgroup,
    network: sandbox.namespaces.network ?? '',
    tell: (event) => runtime.tell({ containerId: container.id, ...event }),
  };
}

export function reportOf(captured: Captured, location: string, written: WrittenArchive): CheckpointReport {
  const { container } = captured.target;
  return {
    ...written,
    containerId: container.id,
    name: container.config.metadata?.name ?? '',
    location,
    frozenMicroseconds: captured.frozenMicroseconds,
    attempts: captured.attempts,
  };
}

/** One line for the operator. */
export function describe(report: CheckpointReport): string {
  const { name, containerId, frozenMicroseconds, attempts, bytes, imageBytes, location } = report;
  const tries = attempts === 1 ? '' : ` (found a good moment at attempt ${attempts})`;
  const mib = (count: number): string => `${(count / (1 << 20)).toFixed(1)} MiB`;
  return `checkpointed container ${name} (${containerId.slice(0, 12)}): frozen for ${Math.round(frozenMicroseconds / 1000)} ms${tries}, ${mib(imageBytes)} of images, archive ${location} of ${mib(bytes)}`;
}
