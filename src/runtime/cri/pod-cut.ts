import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { frozenUntilRemoved } from '../../api/cri-options.ts';
import { CodedError } from '../../errors/coded-error.ts';
import {
  type CheckpointPodRequest,
  ContainerState,
  PodSandboxConfigSchema,
  type RuntimeService,
} from '../../gen/cri/v1/api_pb.ts';
import { stuckTask, untilFrozen } from '../builtin/freezer.ts';
import {
  checkPodFolder,
  checkSelection,
  clearPodFolder,
  describePod,
  isTrue,
  podArchiveName,
  whenRemoved,
} from '../builtin/pod-folder.ts';
import { captureVolumes, volumesIn } from '../builtin/volume-capture.ts';
import { isGivenUp } from './late-freezes.ts';
import { cgroupOfContainer } from './let-run.ts';
import type { Held, Outcome } from './runs-again.ts';

/** What a runtime without `CheckpointPod` is captured with. */
export interface PodCutTools {
  runtime: Client<typeof RuntimeService>;
  /** As in `RuntimeQuirks`. */
  pause(containerId: string, signal: AbortSignal): Promise<void>;
  /** Lets it run, as far as the runtime knows that it is paused. */
  resume(containerId: string): Promise<boolean>;
  /** Notes on disk that the containers may be paused, before the first is. */
  begin(containerIds: readonly string[]): Promise<void>;
  /** Makes sure that all run, whatever it takes, and forgets the notes. */
  end(containers: readonly Held[], outcome: Outcome): Promise<void>;
  /** Goes on with work after the answer; it is waited for before we end. */
  behind(work: Promise<void>): void;
  /** We end, and keep nothing paused. */
  closing: AbortSignal;
}

/** Milliseconds until a pause must have taken hold, and to look for a moment at which all can be dumped. */
const freezeMs = 5_000;
const searchMs = 15_000;

interface Target {
  id: string;
  name: string;
  cgroup: string | undefined;
}

/**
 * CRI's CheckpointPod by other means: every container is paused through the runtime before the first is
 * captured with its `CheckpointContainer`, which leaves a paused one paused, and all run again afterwards (but see
 * {@link frozenUntilRemoved}), whatever happened. On failure nothing is left in the folder.
 * @throws CodedError `invalid-argument` and `failed-precondition` for what the contract forbids
 */
export async function cutPod(
  tools: PodCutTools,
  request: CheckpointPodRequest,
  signal: AbortSignal,
): Promise<void> {
  const { volumes, others } = volumesIn(request.options);
  const keepFrozen = staysFrozen(others);
  await checkPodFolder(request.outputPath);
  const targets = await selectedTargets(tools, request);
  const ids = targets.map(({ id }) => id);
  await tools.begin(ids);
  let held = false;
  let outcome: Outcome = 'done';
  try {
    const since = await pauseAll(tools, targets, signal);
    for (const { id, name } of targets) {
      const location = join(request.outputPath, podArchiveName(name));
      await tools.runtime.checkpointContainer({ containerId: id, location }, { signal });
    }
    await captureVolumes(volumes, request.outputPath, () => signal.throwIfAborted());
    if (!keepFrozen) await Promise.all(ids.map((id) => tools.resume(id)));
    const frozenMicroseconds = Math.round((performance.now() - since) * 1000);
    await describe(tools, request, targets, frozenMicroseconds);
    held = keepFrozen;
  } catch (error) {
    outcome = isGivenUp(error, signal) ? 'given up' : 'failed';
    await clearPodFolder(request.outputPath);
    throw error;
  } finally {
    if (!held) await tools.end(targets, outcome);
  }
  // A task that is paused can be killed; `end` finds those that were not, and tries until they run.
  if (held) {
    const removed = whenRemoved(request.outputPath, tools.closing);
    tools.behind(removed.then(() => tools.end(targets, 'done')));
  }
}

/** Whether the containers stay paused. @throws CodedError `invalid-argument` for what is not supported */
function staysFrozen(options: Readonly<Record<string, string>>): boolean {
  const { [frozenUntilRemoved]: keep, ...others } = options;
  const [key] = Object.keys(others);
  if (key === undefined) return keep !== undefined && isTrue(frozenUntilRemoved, keep);
  throw new CodedError(
    'invalid-argument',
    `option ${JSON.stringify(key)} is not supported by this container runtime`,
  );
}

async function selectedTargets(tools: PodCutTools, request: CheckpointPodRequest): Promise<Target[]> {
  const { podSandboxId } = request;
  const { containers } = await tools.runtime.listContainers({}, { timeoutMs: 10_000 });
  const found = request.containerIds.map((id) => {
    const container = containers.find((each) => each.id === id);
    if (container === undefined) throw new CodedError('not-found', `there is no container ${id}`);
    return {
      id,
      sandboxId: container.podSandboxId,
      name: container.metadata?.name ?? '',
      state: container.state,
    };
  });
  checkSelection(podSandboxId, found);
  for (const { id, name, state } of found) {
    if (state === ContainerState.CONTAINER_RUNNING) continue;
    throw new CodedError('failed-precondition', `container ${name} (${id}) is not running`);
  }
  const targets: Target[] = [];
  for (const { id, name } of found) {
    targets.push({ id, name, cgroup: await cgroupOfContainer(tools.runtime, id) });
  }
  return targets;
}

/**
 * Pauses all at a moment at which none has a task that waits in the kernel: CRIU would stall for ten seconds over
 * such a task and fail, so all run again for a little while instead.
 * @returns `performance.now()` before the first pause that was kept
 */
async function pauseAll(
  tools: PodCutTools,
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<number> {
  const end = performance.now() + searchMs;
  for (let attempt = 1; ; attempt++) {
    const since = performance.now();
    let stuck: string | undefined;
    for (const { id } of targets) await tools.pause(id, signal);
    for (const { cgroup } of targets) {
      if (cgroup === undefined || stuck !== undefined) continue;
      await untilFrozen(cgroup, freezeMs, signal);
      stuck = await stuckTask(cgroup);
    }
    if (stuck === undefined) return since;
    for (const { id } of targets) await tools.resume(id);
    if (performance.now() > end) {
      throw new CodedError(
        'failed-precondition',
        `pausing the pod: in ${attempt} attempts a task was always waiting in the kernel (${stuck}); such a task cannot be dumped`,
        { hint: 'try again when it starts fewer processes' },
      );
    }
    await sleep(attempt % 10, undefined, { signal });
  }
}

/** What the runtime knows of the sandbox; whoever has its configuration knows more. */
async function describe(
  tools: PodCutTools,
  { podSandboxId, outputPath }: CheckpointPodRequest,
  targets: readonly Target[],
  frozenMicroseconds: number,
): Promise<void> {
  const { status } = await tools.runtime.podSandboxStatus({ podSandboxId }, { timeoutMs: 10_000 });
  const config = create(PodSandboxConfigSchema, {
    ...(status?.metadata === undefined ? {} : { metadata: status.metadata }),
    ...{ labels: status?.labels ?? {}, annotations: status?.annotations ?? {} },
  });
  const names = targets.map(({ name }) => name);
  await describePod(outputPath, config, names, frozenMicroseconds);
}
