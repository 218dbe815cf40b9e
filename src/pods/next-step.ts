import { type Container, isSidecar, type Pod, type RestartPolicy } from './pod.ts';
import type { ActualContainer, ActualPod, ActualSandbox } from './pod-runtime.ts';

/** What to do next so that a pod comes closer to what it should be. */
export type Step =
  | { do: 'run-sandbox'; attempt: number }
  | { do: 'remove-sandbox'; id: string }
  | { do: 'remove-container'; id: string }
  | { do: 'create-container'; sandboxId: string; container: Container; restarts: number }
  | { do: 'start-container'; id: string; name: string }
  | { do: 'stop-container'; id: string; name: string }
  /** Nothing before this time, in milliseconds since 1970. */
  | { do: 'wait'; until: number };

/** Longest pause between two runs of a container that keeps ending, and the run after which it is forgotten. */
const longestPause = 300_000;
const forgottenAfter = 600_000;

/** Whether a container that runs has started, by its probe; only then does what comes after it begin. */
export type HasStarted = (found: ActualContainer, container: Container) => boolean;

/**
 * The next step for a pod that should run, decided from what is there alone: whoever starts anew, after a crash
 * say, decides the same. Undefined where everything is as it should be, or has ended as it may.
 */
export function nextStep(
  pod: Pod,
  actual: ActualPod,
  now: number,
  hasStarted: HasStarted = () => true,
): Step | undefined {
  const ready = actual.sandboxes.filter((sandbox) => sandbox.ready);
  const current = ready[0];
  const latest = actual.sandboxes[0];
  if (!current) {
    if (latest && isFinished(pod, containersIn(actual, latest))) return undefined;
    return { do: 'run-sandbox', attempt: latest ? latest.attempt + 1 : 0 };
  }
  const useless = actual.sandboxes.find((sandbox) => sandbox.id !== current.id);
  if (useless) return { do: 'remove-sandbox', id: useless.id };
  const containers = containersIn(actual, current);
  const old = containers.find(
    (item) => item.state === 'exited' && newest(containers, item.name)?.id !== item.id,
  );
  if (old) return { do: 'remove-container', id: old.id };
  if (isFinished(pod, containers)) return sidecarsEnd(pod, containers);
  return containerStep(pod, current, containers, now, hasStarted);
}

/** When everything else has ended the sidecars end too, the last one first. */
function sidecarsEnd(pod: Pod, containers: readonly ActualContainer[]): Step | undefined {
  for (const { name } of (pod.spec.initContainers ?? []).filter(isSidecar).reverse()) {
    const found = newest(containers, name);
    if (found?.state === 'running') return { do: 'stop-container', id: found.id, name };
  }
  return undefined;
}

/** Whether the pod has come to its end, after which nothing is started any more. */
export function isFinished(pod: Pod, containers: readonly ActualContainer[]): boolean {
  const policy = pod.spec.restartPolicy ?? 'Always';
  if (policy === 'Always') return false;
  const failedInit = (pod.spec.initContainers ?? []).some((container) => {
    if (isSidecar(container)) return false;
    const found = newest(containers, container.name);
    return policy === 'Never' && found?.state === 'exited' && found.exitCode !== 0;
  });
  if (failedInit) return true;
  return pod.spec.containers.every(({ name }) => {
    const found = newest(containers, name);
    return found?.state === 'exited' && !runsAgain(policy, found);
  });
}

/** {@link isFinished}, by everything that there is of the pod. */
export function hasFinished(pod: Pod, actual: ActualPod): boolean {
  const sandbox = actual.sandboxes.find(({ ready }) => ready) ?? actual.sandboxes[0];
  return sandbox !== undefined && isFinished(pod, containersIn(actual, sandbox));
}

/** Milliseconds between the end of a run and the next one: none at first, then 10 s, doubled up to 5 min. */
export function pauseBefore(restarts: number, ranFor: number): number {
  if (restarts === 0 || ranFor >= forgottenAfter) return 0;
  return Math.min(longestPause, 10_000 * 2 ** Math.min(restarts - 1, 10));
}

function containerStep(
  pod: Pod,
  sandbox: ActualSandbox,
  containers: readonly ActualContainer[],
  now: number,
  hasStarted: HasStarted,
): Step | undefined {
  const policy = pod.spec.restartPolicy ?? 'Always';
  const begun = pod.spec.containers.some(({ name }) => newest(containers, name));
  const waits: number[] = [];
  for (const container of pod.spec.initContainers ?? []) {
    const found = newest(containers, container.name);
    if (isSidecar(container)) {
      const step = runStep(container, found, 'Always', sandbox, now);
      if (step && (step.do !== 'wait' || !begun)) return step;
      if (step?.do === 'wait') waits.push(step.until);
      // What comes after it waits until it has started, but only the first time.
      else if (!begun && found && !hasStarted(found, container)) return { do: 'wait', until: now };
    } else if (!begun && !(found?.state === 'exited' && found.exitCode === 0)) {
      // Init containers are over once any other container was made; a restored pod has none of them.
      return runStep(container, found, policy === 'Always' ? 'OnFailure' : policy, sandbox, now);
    }
  }
  for (const container of pod.spec.containers) {
    const step = runStep(container, newest(containers, container.name), policy, sandbox, now);
    if (step?.do === 'wait') waits.push(step.until);
    else if (step) return step;
  }
  return waits.length > 0 ? { do: 'wait', until: Math.min(...waits) } : undefined;
}

function runStep(
  container: Container,
  found: ActualContainer | undefined,
  policy: RestartPolicy,
  sandbox: ActualSandbox,
  now: number,
): Step | undefined {
  const create = (restarts: number): Step => ({
    do: 'create-container',
    sandboxId: sandbox.id,
    container,
    restarts,
  });
  if (!found) return create(0);
  if (found.state === 'created') return { do: 'start-container', id: found.id, name: found.name };
  if (found.state !== 'exited' || !runsAgain(policy, found)) return undefined;
  const finished = found.finishedAt ?? 0;
  const until = finished + pauseBefore(found.restarts, finished - (found.startedAt ?? finished));
  return until > now ? { do: 'wait', until } : create(found.restarts + 1);
}

function runsAgain(policy: RestartPolicy, { exitCode }: ActualContainer): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

export function containersIn(actual: ActualPod, sandbox: ActualSandbox): ActualContainer[] {
  return actual.containers.filter(({ sandboxId }) => sandboxId === sandbox.id);
}

/** The last run of a container: the most restarts, of those the newest. */
export function newest(containers: readonly ActualContainer[], name: string): ActualContainer | undefined {
  const own = containers.filter((item) => item.name === name);
  return own.reduce<ActualContainer | undefined>(
    (best, item) => (best && best.restarts >= item.restarts ? best : item),
    undefined,
  );
}
