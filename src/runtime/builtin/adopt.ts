import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../errors/coded-error.ts';
import { removeCgroup } from './cgroups.ts';
import { refresh, release, removeTraces } from './container-end.ts';
import { allProcesses, argumentsOf, endProcesses } from './end-processes.ts';
import type { Machine } from './machine.ts';
import type { OciRuntime } from './oci-runtime.ts';
import { containerState } from './paths.ts';
import { leaveNetwork, lookAtNetwork } from './pod-network.ts';
import { identify, readPidFile } from './process-identity.ts';
import { type ContainerRecord, type ProcessIdentity, phaseOf } from './records.ts';
import { releaseSandbox, sandboxLives } from './sandbox-lifecycle.ts';
import { removeSandbox } from './sandbox-operations.ts';
import { supervisorCgroup } from './supervisor.ts';

/**
 * Takes over what an earlier process of this runtime left running, and notices what has ended meanwhile:
 * containers whose exit status has been written, pods that a reboot took away, starts that were never
 * finished.
 */
export async function adopt(machine: Machine): Promise<void> {
  for (const sandbox of machine.sandboxes.all()) {
    if (sandbox.making) await removeSandbox(machine, sandbox);
  }
  for (const sandbox of machine.sandboxes.all()) {
    if (sandbox.state !== 'ready' || (await sandboxLives(sandbox))) continue;
    machine.log(`pod ${sandbox.id}: its namespaces are gone (a reboot?): it counts as stopped`);
    sandbox.state = 'notready';
    await machine.sandboxes.save(sandbox);
  }
  for (const container of machine.containers.all()) {
    try {
      await adoptContainer(machine, container);
    } catch (error) {
      machine.log(`container ${container.id} cannot be looked at: ${messageOf(error)}`);
    }
  }
  for (const sandbox of machine.sandboxes.all().filter(({ state }) => state === 'notready')) {
    await leaveNetwork(machine, sandbox).catch((error: unknown) => machine.log(messageOf(error)));
    await releaseSandbox(machine.paths, machine.cgroups, sandbox.id, sandbox.cgroup);
  }
  const ready = machine.sandboxes.all().filter(({ state }) => state === 'ready');
  for (const sandbox of ready) await lookAtNetwork(machine, sandbox);
}

async function adoptContainer(machine: Machine, container: ContainerRecord): Promise<void> {
  if (phaseOf(container) === 'running') {
    await refresh(machine, container);
    return;
  }
  if (phaseOf(container) === 'exited') {
    // Killed between the record of its end and the cleaning up.
    await release(machine, container);
    return;
  }
  await finishStart(machine, container);
}

/** A start was under way: one that got as far as running counts, anything less is undone. */
async function finishStart(machine: Machine, container: ContainerRecord): Promise<void> {
  const { id } = container;
  const runtime = machine.sandboxes.find(container.sandboxId)?.runtime;
  if (runtime === undefined) return;
  const oci = machine.runtimeOf(runtime);
  const state = containerState(machine.paths, id);
  const process = await identifyFrom(join(state, 'pid'));
  const supervisor = await identifyFrom(join(state, 'conmon.pid'));
  if (process && supervisor && (await oci.state(id))?.status === 'running') {
    const startedAt = container.createdAt;
    await machine.containers.save(container, { process, supervisor, startedAt });
    return;
  }
  const begun = await endOrphans(oci, id);
  await removeCgroup(machine.cgroups, supervisorCgroup(id));
  if (!begun && (await stat(state).catch(() => undefined)) === undefined) return;
  machine.log(`container ${id}: its start had not been finished; it is created again`);
  await removeTraces(machine, container);
}

async function identifyFrom(pidFile: string): Promise<ProcessIdentity | undefined> {
  return identify((await readPidFile(pidFile)) ?? 0).catch(() => undefined);
}

/**
 * Ends what the earlier process started for the container and what goes on without it: its supervisor, which may
 * not even be in its cgroup yet, and the runtime's own commands. They are known by the container's id and the
 * runtime's folder, as arguments; no other runtime has these.
 */
async function endOrphans(oci: OciRuntime, id: string): Promise<boolean> {
  return endProcesses(async () => {
    const found: number[] = [];
    for (const pid of await allProcesses()) {
      const given = await argumentsOf(pid);
      if (given.includes(id) && oci.globalArgs.every((each) => given.includes(each))) found.push(pid);
    }
    return found;
  });
}
