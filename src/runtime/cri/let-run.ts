import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import { ContainerState, type RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { systemErrorCode } from '../../localfs/system-error.ts';
import { cgroupOf, isFrozen, thaw } from '../builtin/freezer.ts';

/** Ends a pause that the runtime knows of. @returns whether there was one */
export type Resume = (containerId: string) => Promise<boolean>;

/** Looks at a container that has to find it running, one after the other, before it is believed. */
const looksNeeded = 2;
const mostLooks = 50;
/** Milliseconds between two looks. */
const lookInterval = 50;

/**
 * Sees to it that a container runs after a checkpoint of it has failed. Runtimes freeze a container for its
 * checkpoint and forget it frozen when the call is given up in the middle: some know that it is paused and want
 * to be told, others believe that it runs while its cgroup is frozen. A container that is gone needs nothing.
 */
export async function letRun(
  runtime: Client<typeof RuntimeService>,
  resume: Resume | undefined,
  containerId: string,
): Promise<void> {
  let running = 0;
  for (let look = 0; look < mostLooks && running < looksNeeded; look++) {
    if (look > 0) await sleep(lookInterval);
    running = (await letRunNow(runtime, resume, containerId)) ? 0 : running + 1;
  }
}

/** One look at a container. @returns whether it was frozen, and runs now */
export async function letRunNow(
  runtime: Client<typeof RuntimeService>,
  resume: Resume | undefined,
  containerId: string,
): Promise<boolean> {
  const resumed = (await resume?.(containerId)) ?? false;
  const cgroup = await cgroupOfContainer(runtime, containerId);
  const frozen = cgroup !== undefined && (await thawCgroup(cgroup));
  return resumed || frozen;
}

/** Thaws a container's own cgroup. @returns whether it was frozen */
export async function thawCgroup(cgroup: string): Promise<boolean> {
  if (!(await isFrozen(cgroup))) return false;
  await thaw(cgroup);
  return true;
}

/** The cgroup of a running container; undefined where it has ended. */
export async function cgroupOfContainer(
  runtime: Client<typeof RuntimeService>,
  containerId: string,
): Promise<string | undefined> {
  try {
    const { info } = await runtime.containerStatus({ containerId, verbose: true }, { timeoutMs: 10_000 });
    const { pid } = JSON.parse(info['info'] ?? '{}') as { pid?: unknown };
    return typeof pid === 'number' && pid > 1 ? await cgroupOf(pid).catch(() => undefined) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || ConnectError.from(error).code === Code.NotFound) return undefined;
    throw error;
  }
}

/** Whether a container has ended, or is gone. */
export async function hasEnded(
  runtime: Client<typeof RuntimeService>,
  containerId: string,
): Promise<boolean> {
  try {
    const { status } = await runtime.containerStatus({ containerId }, { timeoutMs: 10_000 });
    return status?.state === ContainerState.CONTAINER_EXITED;
  } catch (error) {
    if (ConnectError.from(error).code === Code.NotFound) return true;
    throw error;
  }
}

/**
 * Notes on disk of the containers that are being checkpointed, so that whoever starts after we were killed in
 * the middle lets them run again. Written in place: another thread takes ten times as long, and a caller waits.
 */
export class CheckpointNotes {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async add(containerId: string): Promise<void> {
    if (!isName(containerId)) return;
    const path = join(this.#directory, containerId);
    try {
      writeFileSync(path, '');
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      writeFileSync(path, '');
    }
  }

  async remove(containerId: string): Promise<void> {
    if (isName(containerId)) rmSync(join(this.#directory, containerId), { force: true });
  }

  async all(): Promise<string[]> {
    return (await readdir(this.#directory).catch(() => [] as string[])).filter(isName);
  }
}

function isName(containerId: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/.test(containerId);
}
