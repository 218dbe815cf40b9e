import type { DeviceManagerState } from './device-manager.ts';
import type { Finding } from './finding.ts';
import type { NodeFacts } from './node-facts.ts';

/** Whether devices in the file belong to one container each, are registered, and are what containers have. */
export function reviewDevices(state: DeviceManagerState, facts: NodeFacts): Finding[] {
  const findings: Finding[] = [];
  const owners = new Map<string, string>();
  const real = new Set(facts.numaNodes?.map((node) => BigInt(node.id)));
  for (const entry of state.Data.PodDeviceEntries ?? []) {
    const owner = `${entry.PodUID}/${entry.ContainerName}`;
    const registered = state.Data.RegisteredDevices?.get(entry.ResourceName) ?? [];
    const ids = new Set([...(entry.DeviceIDs?.values() ?? [])].flatMap((list) => list ?? []));
    for (const id of ids) {
      const device = `${entry.ResourceName} ${id}`;
      const before = owners.get(device);
      if (before !== undefined && before !== owner) {
        findings.push({
          severity: 'error',
          code: 'device-given-twice',
          message: `${device} belongs to ${before} and to ${owner}`,
          hint: 'one of the two is usually gone: stasis state repair --only gone-pods',
        });
      }
      owners.set(device, owner);
      if (!registered.includes(id)) {
        findings.push({
          severity: 'warning',
          code: 'device-not-healthy',
          message: `${device} of ${owner} is not among the healthy registered devices`,
        });
      }
    }
    for (const node of entry.DeviceIDs?.keys() ?? []) {
      if (node >= 0n && facts.numaNodes && !real.has(node)) {
        findings.push({
          severity: 'warning',
          code: 'numa-node-missing',
          message: `${owner} has ${entry.ResourceName} on NUMA node ${node}, which this machine does not have`,
        });
      }
    }
    findings.push(...asServed(entry.PodUID, entry.ContainerName, entry.ResourceName, ids, facts));
  }
  return findings;
}

/** Against what the running kubelet says over its PodResources socket. */
function asServed(
  podUid: string,
  container: string,
  resource: string,
  ids: ReadonlySet<string>,
  facts: NodeFacts,
): Finding[] {
  const pod = facts.pods?.get(podUid);
  if (!pod?.name || !facts.containerResources) return [];
  const served = facts.containerResources.get(`${pod.namespace}/${pod.name}/${container}`);
  const list = served?.devices.get(resource) ?? [];
  const same = list.length === ids.size && list.every((id) => ids.has(id));
  if (same) return [];
  return [
    {
      severity: 'warning',
      code: 'device-differs-from-kubelet',
      message:
        `${pod.namespace}/${pod.name}/${container} has ${resource} ${[...ids].join(', ')} in the file; ` +
        `the kubelet says ${list.join(', ') || 'none'}`,
    },
  ];
}
