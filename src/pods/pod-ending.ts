import { type HookOptions, runPreStop } from './container-hooks.ts';
import { containersIn } from './next-step.ts';
import { allContainers, type Container, isSidecar, lastingContainers, type Pod } from './pod.ts';
import {
  type ActualContainer,
  type ActualPod,
  type ActualSandbox,
  removeSandbox,
  stopContainer,
} from './pod-runtime.ts';

/** Seconds that a container gets after a hook has used up its time; the kubelet's. */
const leastGrace = 2;

/**
 * Ends a running container: its preStop hook first, then SIGTERM, and SIGKILL when `grace` seconds are over.
 * @param complain is told what the hook failed with; the container ends all the same
 */
export async function endContainer(
  options: HookOptions,
  { uid, id, container }: { uid: string; id: string; container: Container | undefined },
  grace: number,
  complain: (error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const began = Date.now();
  if (container) await runPreStop(options, { uid, id, container }, grace, signal).catch(complain);
  const left = grace === 0 ? 0 : Math.max(leastGrace, grace - Math.ceil((Date.now() - began) / 1000));
  await stopContainer(options.runtime, id, left, signal);
}

/**
 * Ends a sandbox and everything in it: containers first, all at once; then sidecars, the last one first, each
 * with what is left of the time.
 */
export async function endSandbox(
  options: HookOptions,
  pod: Pod,
  actual: ActualPod,
  sandbox: ActualSandbox,
  grace: number,
  complain: (error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const { uid } = pod.metadata;
  const began = Date.now();
  const left = () => Math.max(0, grace - Math.floor((Date.now() - began) / 1000));
  const running = containersIn(actual, sandbox).filter(({ state }) => state === 'running');
  const named = (name: string) => allContainers(pod).find((item) => item.name === name);
  const ordered = lastingContainers(pod).some(({ lifecycle }) => lifecycle?.preStop);
  const sidecars = running.filter(({ name }) => isSidecar(named(name) ?? { name, image: '' }));
  if (grace > 0 && (ordered || sidecars.length > 0)) {
    const end = ({ id, name }: ActualContainer) =>
      endContainer(options, { uid, id, container: named(name) }, left(), complain, signal);
    await Promise.all(running.filter((item) => !sidecars.includes(item)).map(end));
    const order = (pod.spec.initContainers ?? []).map(({ name }) => name);
    const last = [...sidecars].sort((a, b) => order.indexOf(b.name) - order.indexOf(a.name));
    for (const sidecar of last) await end(sidecar);
  }
  await removeSandbox(options.runtime, sandbox.id, left(), signal);
}
