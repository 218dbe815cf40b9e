import { CodedError, messageOf } from '../../errors/coded-error.ts';
import type { PodSandboxConfig } from '../../gen/cri/v1/api_pb.ts';
import { privateDirectory } from '../../localfs/atomic-file.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { newId, removeContainer, stopContainer } from './container-lifecycle.ts';
import { type Machine, now } from './machine.ts';
import { sandboxDirectory } from './paths.ts';
import { joinNetwork, leaveNetwork } from './pod-network.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';
import { checkSandboxConfig, makeSandbox, podCgroup, releaseSandbox } from './sandbox-lifecycle.ts';

/** @throws CodedError `already-exists` when this attempt of the pod is there already. */
export async function runSandbox(
  machine: Machine,
  config: PodSandboxConfig,
  handler: string,
  signal: AbortSignal,
): Promise<SandboxRecord> {
  checkSandboxConfig(config);
  const runtime = machine.runtimeOf(handler);
  const { uid, attempt, namespace, name } = config.metadata ?? {};
  const same = machine.sandboxes
    .all()
    .find(({ config: { metadata } }) => metadata?.uid === uid && metadata?.attempt === attempt);
  if (same !== undefined) {
    throw new CodedError(
      'already-exists',
      `pod ${namespace}/${name} (uid ${uid}, attempt ${attempt}) has the sandbox ${same.id}`,
    );
  }
  const id = newId();
  const record: SandboxRecord = {
    ...{ id, config, runtimeHandler: handler, runtime: runtime.name, createdAt: now() },
    ...{ namespaces: {}, cgroup: podCgroup(config, id), state: 'notready', making: true },
  };
  await makeDirectories(sandboxDirectory(machine.paths, id), privateDirectory);
  try {
    // Known before there is anything of it, so that whatever is made can be found again.
    await machine.sandboxes.save(record);
    await makeSandbox(machine.paths, machine.cgroups, record, signal);
    await joinNetwork(machine, record, signal);
    record.state = 'ready';
    delete record.making;
    await machine.sandboxes.save(record);
  } catch (error) {
    await leaveNetwork(machine, record).catch((failed: unknown) => machine.log(messageOf(failed)));
    await releaseSandbox(machine.paths, machine.cgroups, id, record.cgroup);
    await machine.sandboxes.remove(id);
    throw error;
  }
  return record;
}

function containersIn(machine: Machine, id: string): ContainerRecord[] {
  return machine.containers.all().filter((container) => container.sandboxId === id);
}

/** Ends the pod's containers at once and gives back its network and the like. Safe to repeat. */
export async function stopSandbox(machine: Machine, record: SandboxRecord): Promise<void> {
  // First, so that nothing new is started in it meanwhile.
  if (record.state !== 'notready') {
    record.state = 'notready';
    await machine.sandboxes.save(record);
  }
  for (const container of containersIn(machine, record.id)) {
    await machine.queue.run(container.id, () => stopContainer(machine, container, 0));
  }
  await leaveNetwork(machine, record);
  await releaseSandbox(machine.paths, machine.cgroups, record.id, record.cgroup);
}

export async function removeSandbox(machine: Machine, record: SandboxRecord): Promise<void> {
  await stopSandbox(machine, record);
  for (const container of containersIn(machine, record.id)) {
    await machine.queue.run(container.id, () => removeContainer(machine, container));
  }
  await machine.sandboxes.remove(record.id);
}
