import type { LinuxContainerResources } from '../../gen/cri/v1/api_pb.ts';
import type { OciResources } from './oci-spec.ts';

type Part = keyof OciResources;

/** Controller of cgroup version 2 without which a part of the resources cannot be set. */
function controllerOf(part: Part, value: unknown): string[] {
  if (part === 'memory') return ['memory'];
  if (part === 'pids') return ['pids'];
  if (part === 'hugepageLimits') return ['hugetlb'];
  if (part !== 'cpu') return [];
  const { cpus, mems, ...time } = value as NonNullable<OciResources['cpu']>;
  return [
    ...(Object.keys(time).length > 0 ? ['cpu'] : []),
    ...(cpus !== undefined || mems !== undefined ? ['cpuset'] : []),
  ];
}

/**
 * The limits as the OCI runtime takes them, without those that no controller on this machine can hold; each
 * of those gives a sentence in `notes`.
 */
export function ociResources(
  wanted: LinuxContainerResources | undefined,
  controllers: ReadonlySet<string>,
): { resources: OciResources; notes: string[] } {
  if (wanted === undefined) return { resources: {}, notes: [] };
  const resources: OciResources = {};
  const notes: string[] = [];
  for (const [key, value] of Object.entries(translated(wanted))) {
    const part = key as Part;
    const missing = controllerOf(part, value).filter((name) => !controllers.has(name));
    for (const name of missing) {
      notes.push(
        `${limitNames(part, value, name)} not applied: this machine has no cgroup controller "${name}"`,
      );
    }
    const kept = missing.length === 0 ? value : withoutMissing(part, value, controllers);
    if (kept !== undefined) Object.assign(resources, { [part]: kept });
  }
  const unified = usableUnified(wanted.unified, controllers, notes);
  if (Object.keys(unified).length > 0) resources.unified = unified;
  return { resources, notes };
}

function translated(wanted: LinuxContainerResources): OciResources {
  const cpu = {
    ...(wanted.cpuShares > 0n && { shares: Number(wanted.cpuShares) }),
    ...(wanted.cpuQuota !== 0n && { quota: Number(wanted.cpuQuota) }),
    ...(wanted.cpuPeriod > 0n && { period: Number(wanted.cpuPeriod) }),
    ...(wanted.cpusetCpus !== '' && { cpus: wanted.cpusetCpus }),
    ...(wanted.cpusetMems !== '' && { mems: wanted.cpusetMems }),
  };
  const memory = {
    ...(wanted.memoryLimitInBytes > 0n && { limit: Number(wanted.memoryLimitInBytes) }),
    ...(wanted.memorySwapLimitInBytes > 0n && { swap: Number(wanted.memorySwapLimitInBytes) }),
  };
  const pages = wanted.hugepageLimits
    // The kubelet sends every size, most of them as zero; a size the kernel lacks is an error to runtimes.
    .filter(({ limit }) => limit > 0n)
    .map(({ pageSize, limit }) => ({ pageSize, limit: Number(limit) }));
  return {
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(pages.length > 0 && { hugepageLimits: pages }),
  };
}

function withoutMissing(part: Part, value: unknown, controllers: ReadonlySet<string>): unknown {
  if (part !== 'cpu') return undefined;
  const { cpus, mems, ...time } = value as NonNullable<OciResources['cpu']>;
  const kept = {
    ...(controllers.has('cpu') && time),
    ...(controllers.has('cpuset') && { ...(cpus !== undefined && { cpus }), ...(mems && { mems }) }),
  };
  return Object.keys(kept).length > 0 ? kept : undefined;
}

function limitNames(part: Part, value: unknown, controller: string): string {
  if (part === 'hugepageLimits') {
    const sizes = value as NonNullable<OciResources['hugepageLimits']>;
    return sizes.map(({ pageSize, limit }) => `hugepages.${pageSize}=${limit}`).join(', ');
  }
  const names = Object.entries(value as object)
    .filter(([key]) => part !== 'cpu' || (key === 'cpus' || key === 'mems') === (controller === 'cpuset'))
    .map(([key, limit]) => `${part}.${key}=${limit}`);
  return names.join(', ');
}

function usableUnified(
  wanted: Readonly<Record<string, string>>,
  controllers: ReadonlySet<string>,
  notes: string[],
): Record<string, string> {
  const usable = Object.entries(wanted).filter(([file, value]) => {
    const controller = file.split('.')[0] ?? '';
    if (controllers.has(controller)) return true;
    notes.push(`${file}=${value} not applied: this machine has no cgroup controller "${controller}"`);
    return false;
  });
  return Object.fromEntries(usable);
}
