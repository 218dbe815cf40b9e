import { join } from 'node:path';
import { frozenUntilRemoved, volumeOption } from '../../api/cri-options.ts';
import { CodedError, messageOf } from '../../errors/coded-error.ts';
import type { CheckpointPodRequest } from '../../gen/cri/v1/api_pb.ts';
import { writeArchive } from './checkpoint-archive.ts';
import { type Captured, type CaptureTarget, captureTogether } from './checkpoint-capture.ts';
import {
  type CheckpointReport,
  defaultOptions,
  defaultTimeoutMs,
  describe,
  reportOf,
  targetOf,
} from './checkpoint-container.ts';
import { openScratch } from './checkpoint-scratch.ts';
import { criuFacts } from './criu.ts';
import { Deadline } from './deadline.ts';
import { thaw } from './freezer.ts';
import type { BuiltinRuntime } from './hooks.ts';
import type { CriuOptions } from './oci-runtime.ts';
import {
  checkPodFolder,
  checkSelection,
  clearPodFolder,
  describePod,
  isTrue,
  podArchiveName,
  type Selected,
  whenRemoved,
} from './pod-folder.ts';
import type { SandboxRecord } from './records.ts';
import { captureVolumes, volumesIn } from './volume-capture.ts';

/** The names by which callers may change what is captured. */
const optionNames: Readonly<Record<string, keyof CriuOptions>> = {
  'tcp-established': 'tcpEstablished',
  'file-locks': 'fileLocks',
  'ext-unix-sk': 'extUnixSk',
  'shell-job': 'shellJob',
};

/**
 * CRI's CheckpointPod: one archive for each of the given containers, `<container name>.tar`, all of the same
 * moment, and `pod.dump` and `pod.options` that say how they belong together. All containers run again when this
 * returns (but see {@link frozenUntilRemoved}) or throws; on failure nothing is left in the folder.
 * @throws CodedError `invalid-argument` for what the contract forbids, and as `captureTogether` does.
 */
export async function checkpointPod(
  runtime: BuiltinRuntime,
  request: CheckpointPodRequest,
  signal: AbortSignal,
): Promise<CheckpointReport[]> {
  const sandbox = runtime.sandbox(request.podSandboxId);
  const { volumes, others: asked } = volumesIn(request.options);
  const { [frozenUntilRemoved]: keep, ...others } = asked;
  const keepFrozen = keep !== undefined && isTrue(frozenUntilRemoved, keep);
  const options = criuOptions(others);
  await checkPodFolder(request.outputPath);
  const ids = await selected(runtime, sandbox, request.containerIds);
  const name = sandbox.config.metadata?.name ?? sandbox.id;
  const deadline = new Deadline(`checkpointing pod ${name}`, defaultTimeoutMs, signal);
  await criuFacts('criu', deadline.call());
  return exclusivelyAll(runtime, ids, async () => {
    const targets: CaptureTarget[] = [];
    for (const id of ids) targets.push(await targetOf(runtime, id));
    const owner = { cgroups: targets.map(({ cgroup }) => cgroup), networks: [targets[0]?.network ?? ''] };
    const scratch = await openScratch(runtime.paths, owner);
    try {
      const captured = await captureTogether(targets, scratch.path, options, deadline, {
        keepFrozen,
        meanwhile: async (check) => {
          const notes = await captureVolumes(volumes, request.outputPath, check);
          for (const note of notes) runtime.log(`pod ${name}: ${note}`);
        },
      });
      const reports = await writeAll(runtime, sandbox, captured, request.outputPath, options, deadline);
      if (keepFrozen) {
        whenRemoved(request.outputPath)
          .then(() => thawAll(targets))
          .catch((error: unknown) => runtime.log(messageOf(error)));
      }
      return reports;
    } catch (error) {
      if (keepFrozen) await thawAll(targets);
      await clearPodFolder(request.outputPath);
      throw error;
    } finally {
      await scratch.close();
    }
  });
}

async function writeAll(
  runtime: BuiltinRuntime,
  sandbox: SandboxRecord,
  captured: readonly Captured[],
  output: string,
  options: CriuOptions,
  deadline: Deadline,
): Promise<CheckpointReport[]> {
  const reports: CheckpointReport[] = [];
  for (const each of captured) {
    const name = each.target.container.config.metadata?.name ?? each.target.container.id;
    const location = join(output, podArchiveName(name));
    const written = await writeArchive(runtime.paths, each, location, options, deadline);
    const report = reportOf(each, location, written);
    runtime.log(describe(report));
    reports.push(report);
  }
  const names = reports.map(({ name }) => name);
  const frozen = Math.max(...reports.map(({ frozenMicroseconds }) => frozenMicroseconds));
  await describePod(output, sandbox.config, names, frozen);
  return reports;
}

async function thawAll(targets: readonly CaptureTarget[]): Promise<void> {
  for (const { cgroup } of targets) await thaw(cgroup);
}

/** @throws CodedError `invalid-argument` for a key or a value that is not supported. */
export function criuOptions(given: Readonly<Record<string, string>>): CriuOptions {
  const options = { ...defaultOptions };
  for (const [key, value] of Object.entries(given)) {
    const name = Object.hasOwn(optionNames, key) ? optionNames[key] : undefined;
    if (name === undefined) {
      const known = [...Object.keys(optionNames), frozenUntilRemoved, `${volumeOption}NAME`].join(', ');
      throw new CodedError('invalid-argument', `option ${JSON.stringify(key)} is not supported`, {
        hint: `supported are ${known}`,
      });
    }
    options[name] = isTrue(key, value);
  }
  return options;
}

async function selected(
  runtime: BuiltinRuntime,
  sandbox: SandboxRecord,
  given: readonly string[],
): Promise<string[]> {
  const found: Selected[] = [];
  for (const one of given) {
    const { id, sandboxId, config } = await runtime.container(one);
    found.push({ id, sandboxId, name: config.metadata?.name ?? '' });
  }
  checkSelection(sandbox.id, found);
  return found.map(({ id }) => id);
}

/** Takes the turns of all containers, always in the same order, so that two callers cannot wait for each other. */
async function exclusivelyAll<T>(
  runtime: BuiltinRuntime,
  ids: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  const [first, ...rest] = [...ids].sort();
  if (first === undefined) return work();
  return runtime.exclusively(first, () => exclusivelyAll(runtime, rest, work));
}
