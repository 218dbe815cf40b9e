import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../errors/coded-error.ts';
import { ContainerEventType } from '../../gen/cri/v1/api_pb.ts';
import { removeCgroup } from './cgroups.ts';
import { type Machine, now } from './machine.ts';
import { containerState, exitDirectory } from './paths.ts';
import { isAlive } from './process-identity.ts';
import { type ContainerExit, type ContainerRecord, phaseOf } from './records.ts';
import { unmountRootfs } from './rootfs.ts';
import { readExit, supervisorCgroup } from './supervisor.ts';

/** What is said of a container whose exit status nobody learned. */
const unknownExitCode = 255;
/** How long the supervisor of a dead container may take to write its exit status. */
const exitFileMs = 5_000;

/**
 * Looks whether a running container has ended, and if so records that and gives back what it held: the
 * runtime's state, its cgroup, its mounts. Its own layer and its log stay until it is removed.
 */
export async function refresh(machine: Machine, record: ContainerRecord): Promise<void> {
  if (phaseOf(record) !== 'running') return;
  const going = machine.ends.get(record.id);
  if (going !== undefined) return going;
  const work = recordEnd(machine, record).finally(() => machine.ends.delete(record.id));
  machine.ends.set(record.id, work);
  return work;
}

/** Looks for its end without keeping anyone waiting; a failure is told to the operator. */
export function noticeEnd(machine: Machine, record: ContainerRecord): void {
  refresh(machine, record).catch((error: unknown) => {
    machine.log(`container ${record.id}: looking for its end: ${messageOf(error)}`);
  });
}

async function recordEnd(machine: Machine, record: ContainerRecord): Promise<void> {
  const exit = await findExit(machine, record);
  if (exit === undefined) return;
  await settle(machine, record, exit);
}

async function findExit(machine: Machine, record: ContainerRecord): Promise<ContainerExit | undefined> {
  const written = await readExit(machine.paths, record.id);
  if (written !== undefined) return exitOf(written);
  if (record.process !== undefined && (await isAlive(record.process))) return undefined;
  const until = performance.now() + exitFileMs;
  while (record.supervisor !== undefined && (await isAlive(record.supervisor)) && performance.now() < until) {
    await sleep(5);
    const late = await readExit(machine.paths, record.id);
    if (late !== undefined) return exitOf(late);
  }
  const last = await readExit(machine.paths, record.id);
  if (last !== undefined) return exitOf(last);
  return {
    finishedAt: now(),
    exitCode: unknownExitCode,
    reason: 'Unknown',
    message:
      'it ended while nobody watched it (a reboot, or its supervisor was killed): the status is not known',
  };
}

function exitOf(written: { exitCode: number; finishedAt: bigint; oomKilled: boolean }): ContainerExit {
  const { exitCode, finishedAt, oomKilled } = written;
  const reason = oomKilled ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error';
  return { finishedAt, exitCode, reason, message: '' };
}

/** Makes the end durable first: what is left over can be cleaned up at any later time. */
export async function settle(machine: Machine, record: ContainerRecord, exit: ContainerExit): Promise<void> {
  record.exit = exit;
  await machine.containers.save(record);
  machine.events.emit({
    containerId: record.id,
    sandboxId: record.sandboxId,
    type: ContainerEventType.CONTAINER_STOPPED_EVENT,
  });
  try {
    await release(machine, record);
  } catch (error) {
    machine.log(`container ${record.id} has ended, cleaning up after it: ${messageOf(error)}`);
  }
}

/** Gives back what only a running container needs. Safe at any time after it has ended. */
export async function release(machine: Machine, record: ContainerRecord): Promise<void> {
  const runtime = machine.sandboxes.find(record.sandboxId)?.runtime;
  if (runtime !== undefined) await machine.runtimeOf(runtime).remove(record.id, { force: true });
  await removeCgroup(machine.cgroups, record.cgroup);
  await unmountRootfs(machine.paths, record.id);
}

/** Everything that exists of a container outside its own folder; for one that is removed. */
export async function removeTraces(machine: Machine, record: ContainerRecord): Promise<void> {
  await release(machine, record);
  await removeCgroup(machine.cgroups, supervisorCgroup(record.id));
  await rm(join(exitDirectory(machine.paths), record.id), { force: true });
  await rm(containerState(machine.paths, record.id), { recursive: true, force: true });
}
