/** What a container gets of the node for itself, put into what its runtime is asked for. */
export interface ContainerGrant {
  /** The container's own variables win over these. */
  envs: Readonly<Record<string, string>>;
  mounts: readonly GrantedMount[];
  devices: readonly GrantedDevice[];
  annotations: Readonly<Record<string, string>>;
  /** Full names of the Container Device Interface, as `vendor.com/class=name`. */
  cdiDevices: readonly string[];
  /** Lists as `0-3,8`; empty or absent for any. */
  cpusetCpus?: string;
  cpusetMems?: string;
}

export interface GrantedMount {
  containerPath: string;
  hostPath: string;
  readOnly: boolean;
}

export interface GrantedDevice {
  containerPath: string;
  hostPath: string;
  /** Of the letters r, w and m. */
  permissions: string;
}

export const nothingGranted: ContainerGrant = {
  envs: {},
  mounts: [],
  devices: [],
  annotations: {},
  cdiDevices: [],
};

/**
 * Both together. What both give under one name is taken from the first, and told where they differ.
 * @param conflict is told `variable X`, `mount /x` …
 */
export function joinGrants(
  first: ContainerGrant,
  second: ContainerGrant,
  conflict: (what: string) => void,
): ContainerGrant {
  return {
    envs: withoutDoubles(first.envs, second.envs, (name) => conflict(`variable ${name}`)),
    annotations: withoutDoubles(first.annotations, second.annotations, (name) =>
      conflict(`annotation ${name}`),
    ),
    mounts: unlessThere(first.mounts, second.mounts, (path) => conflict(`mount ${path}`)),
    devices: unlessThere(first.devices, second.devices, (path) => conflict(`device ${path}`)),
    cdiDevices: [...new Set([...first.cdiDevices, ...second.cdiDevices])],
    cpusetCpus: first.cpusetCpus || second.cpusetCpus || '',
    cpusetMems: first.cpusetMems || second.cpusetMems || '',
  };
}

function withoutDoubles(
  first: Readonly<Record<string, string>>,
  second: Readonly<Record<string, string>>,
  conflict: (name: string) => void,
): Record<string, string> {
  for (const [name, value] of Object.entries(second)) {
    if (Object.hasOwn(first, name) && first[name] !== value) conflict(name);
  }
  return { ...second, ...first };
}

function unlessThere<T extends { containerPath: string; hostPath: string }>(
  first: readonly T[],
  second: readonly T[],
  conflict: (path: string) => void,
): T[] {
  const added = second.filter((item) => {
    const there = first.find(({ containerPath }) => containerPath === item.containerPath);
    if (there && there.hostPath !== item.hostPath) conflict(item.containerPath);
    return !there;
  });
  return [...first, ...added];
}
