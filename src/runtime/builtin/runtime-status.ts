import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../errors/coded-error.ts';
import { readCniNetwork } from './cni.ts';
import type { Machine } from './machine.ts';
import { containerDirectory } from './paths.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';
import { runProgram } from './run-program.ts';

const handlers = ['crun', 'runc'] as const;

/** Whether containers can be run here, and with what. */
export async function runtimeStatus(machine: Machine, settings: { runtime: string }, verbose: boolean) {
  const versions = await programVersions(machine);
  const own = versions[settings.runtime] ?? 'not installed';
  const missing = [settings.runtime, 'conmon'].filter((name) => versions[name] === undefined);
  return {
    status: {
      conditions: [
        {
          type: 'RuntimeReady',
          status: missing.length === 0,
          ...(missing.length > 0 && {
            reason: 'ProgramMissing',
            message: `not installed: ${missing.join(', ')}`,
          }),
        },
        await networkCondition(machine),
      ],
    },
    runtimeHandlers: [
      { name: '', features: {} },
      ...handlers.filter((name) => versions[name] !== undefined).map((name) => ({ name, features: {} })),
    ],
    features: { supplementalGroupsPolicy: true },
    ...(verbose && {
      info: {
        config: JSON.stringify({ ...machine.paths, runtime: settings.runtime, version: own }),
        programs: JSON.stringify(versions),
        cgroups: JSON.stringify({
          mount: machine.cgroups.mount,
          controllers: [...machine.cgroups.controllers],
        }),
      },
    }),
  };
}

/** Pods run without CNI too: what they have then is said. */
async function networkCondition(machine: Machine) {
  const without = "pods have a loopback device or the node's network: no CNI configuration";
  try {
    const network = await readCniNetwork(machine.cni);
    const message = network ? `pods are in the CNI network ${network.name}` : without;
    return { type: 'NetworkReady', status: true, message };
  } catch (error) {
    return { type: 'NetworkReady', status: false, reason: 'CniConfiguration', message: messageOf(error) };
  }
}

async function programVersions(machine: Machine): Promise<Record<string, string | undefined>> {
  const versions: Record<string, string | undefined> = {};
  for (const name of handlers) {
    versions[name] = await machine
      .runtimeOf(name)
      .version()
      .catch(() => undefined);
  }
  const conmon = await runProgram(machine.conmon, ['--version']).catch(() => undefined);
  versions['conmon'] = /version (\S+)/.exec(conmon?.stdout ?? '')?.[1];
  return versions;
}

/** What a verbose status of a pod adds. */
export function sandboxInfo(record: SandboxRecord): Record<string, string> {
  const { runtime, namespaces, shm, cgroup } = record;
  return { info: JSON.stringify({ runtime, namespaces, shm, cgroup }) };
}

/** What a verbose status of a container adds: process, cgroup, what could not be done, the OCI bundle. */
export async function containerInfo(
  machine: Machine,
  record: ContainerRecord,
): Promise<Record<string, string>> {
  const { process, cgroup, notes, restore, user } = record;
  const path = join(containerDirectory(machine.paths, record.id), 'config.json');
  const spec = await readFile(path, 'utf8').catch((error: unknown) => JSON.stringify(messageOf(error)));
  return {
    info: JSON.stringify({ pid: process?.pid ?? 0, cgroup, notes, user, restoredFrom: restore?.archive }),
    spec,
  };
}
