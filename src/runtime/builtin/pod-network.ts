import { join } from 'node:path';
import { messageOf } from '../../errors/coded-error.ts';
import { NamespaceMode, Protocol } from '../../gen/cri/v1/api_pb.ts';
import { writeFileAtomic } from '../../localfs/atomic-file.ts';
import {
  addressesOf,
  addToNetwork,
  type CniPod,
  checkNetwork,
  readCniNetwork,
  removeFromNetwork,
} from './cni.ts';
import type { Machine } from './machine.ts';
import { sandboxDirectory } from './paths.ts';
import type { SandboxRecord } from './records.ts';
import { hostsFile } from './sandbox-lifecycle.ts';

/**
 * Brings a pod with a network of its own into the node's network for pods, where one is configured. What it is in is
 * written down before the first plugin is asked, so that whoever starts after a crash takes it out again.
 */
export async function joinNetwork(
  machine: Machine,
  record: SandboxRecord,
  signal: AbortSignal,
): Promise<void> {
  if (record.config.linux?.securityContext?.namespaceOptions?.network === NamespaceMode.NODE) return;
  const network = await readCniNetwork(machine.cni);
  if (!network) return;
  record.network = { network };
  await machine.sandboxes.save(record);
  record.network = await addToNetwork(machine.cni, network, cniPod(record), signal);
  const [address] = addressesOf(record.network);
  if (address === undefined) return;
  const path = join(sandboxDirectory(machine.paths, record.id), 'hosts');
  await writeFileAtomic(path, await hostsFile(record.config, address), 0o644);
}

/** Takes a pod out of its network; one that is in none is left alone. */
export async function leaveNetwork(machine: Machine, record: SandboxRecord): Promise<void> {
  if (!record.network) return;
  await removeFromNetwork(machine.cni, record.network, cniPod(record));
  delete record.network;
  await machine.sandboxes.save(record);
}

/** Says in the log what plugins find wrong with the network of a pod that was taken over. */
export async function lookAtNetwork(machine: Machine, record: SandboxRecord): Promise<void> {
  if (!record.network) return;
  await checkNetwork(machine.cni, record.network, cniPod(record)).catch((error: unknown) =>
    machine.log(`pod ${record.id}: ${messageOf(error)}`),
  );
}

const protocolNames: Readonly<Record<number, string>> = {
  [Protocol.TCP]: 'tcp',
  [Protocol.UDP]: 'udp',
  [Protocol.SCTP]: 'sctp',
};

function cniPod({ id, config, namespaces }: SandboxRecord): CniPod {
  const { name = '', namespace = '', uid = '' } = config.metadata ?? {};
  return {
    ...{ id, name, namespace, uid, netns: namespaces.network ?? '' },
    portMappings: config.portMappings.map((port) => ({
      hostPort: port.hostPort,
      containerPort: port.containerPort,
      protocol: protocolNames[port.protocol] ?? 'tcp',
      hostIP: port.hostIp,
    })),
  };
}
