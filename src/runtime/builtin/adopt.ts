import { join } from 'node:path';
import { messageOf } from '../../errors/coded-error.ts';
import { removeCgroup } from './cgroups.ts';
import { refresh, release } from './container-end.ts';
import type { Machine } from './machine.ts';
import { containerState } from './paths.ts';
import { identify, readPidFile } from './process-identity.ts';
import { type ContainerRecord, phaseOf } from './records.ts';
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
    await releaseSandbox(machine.paths, machine.cgroups, sandbox.id, sandbox.cgroup);
  }
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
  const state = containerState(machine.paths, container.id);
  const pid = await readPidFile(join(state, 'pid'));
  const runtime = machine.sandboxes.find(container.sandboxId)?.runtime;
  if (pid === undefined || runtime === undefined) return;
  const oci = machine.runtimeOf(runtime);
  const found = await oci.state(container.id);
  const process = await identify(pid).catch(() => undefined);
  const supervisorPid = await readPidFile(join(state, 'conmon.pid'));
  const supervisor = await identify(supervisorPid ?? 0).catch(() => undefined);
  if (found !== undefined && found.status === 'running' && process && supervisor) {
    Object.assign(container, { process, supervisor, startedAt: container.createdAt });
    await machine.containers.save(container);
    return;
  }
  machine.log(`container ${container.id}: its start had not been finished; it is created again`);
  await removeCgroup(machine.cgroups, supervisorCgroup(container.id));
  await release(machine, container);
}
