import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../errors/coded-error.ts';
import type { SandboxState } from '../../kubeletstate/dockershim.ts';
import { knownFolders } from '../../kubeletstate/known-files.ts';
import { inspectState, type StateKind } from '../../kubeletstate/state-kind.ts';
import { readStateFile } from '../../localfs/state-files.ts';

/** What dockershim or cri-dockerd had noted of a pod sandbox; nothing but them reads it. */
export interface LeftSandbox {
  file: string;
  namespace: string;
  pod: string;
  hostNetwork: boolean;
  /** Ports of the node that lead into the pod: `127.0.0.1:8080 to 80/tcp`. */
  ports: readonly string[];
  /** Why it cannot be trusted, where it cannot. */
  problem?: string;
}

/** Most files that are looked at. */
const mostSandboxes = 10_000;

/** What is left of the sandboxes of dockershim and cri-dockerd. @param parent of their folders */
export async function leftSandboxes(parent = '/var/lib'): Promise<LeftSandbox[]> {
  const found: LeftSandbox[] = [];
  for (const { path, kind } of knownFolders) {
    const names = await readdir(join(parent, path)).catch(() => [] as string[]);
    for (const name of names.sort()) {
      if (name.startsWith('.') || found.length >= mostSandboxes) continue;
      found.push(await readSandbox(join(parent, path, name), kind));
    }
  }
  return found;
}

async function readSandbox(file: string, kind: StateKind): Promise<LeftSandbox> {
  const nothing = { file, namespace: '', pod: '', hostNetwork: false, ports: [] };
  try {
    const seen = inspectState(kind, (await readStateFile(file)).bytes);
    const best = seen.find(({ valid }) => valid) ?? seen.find(({ value }) => value !== undefined);
    if (!best) return { ...nothing, problem: seen[0]?.error?.message ?? 'it cannot be read' };
    const { Namespace: namespace, Name: pod, Data } = best.value as SandboxState;
    const problem = best.valid ? {} : { problem: best.error?.message ?? 'its checksum is wrong' };
    const ports = (Data?.PortMappings ?? []).map(portOf);
    return { file, namespace, pod, hostNetwork: Data?.HostNetwork === true, ports, ...problem };
  } catch (error) {
    return { ...nothing, problem: messageOf(error) };
  }
}

type Mapping = NonNullable<NonNullable<SandboxState['Data']>['PortMappings']>[number];

function portOf(mapping: Mapping): string {
  const { Protocol, ContainerPort, HostPort, HostIP = '' } = mapping ?? {};
  const address = HostIP.includes(':') ? `[${HostIP}]` : HostIP;
  return `${address === '' ? '' : `${address}:`}${HostPort ?? 0} to ${ContainerPort ?? 0}/${Protocol ?? 'tcp'}`;
}
