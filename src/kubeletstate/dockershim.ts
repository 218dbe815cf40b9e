import { checksumType } from '../checkpointmanager/checksum.ts';
import { partOfStruct, wholeStruct } from '../checkpointmanager/checksum-rule.ts';
import { type CheckpointDefinition, defineCheckpoint, version } from '../checkpointmanager/define.ts';
import {
  bool,
  int32,
  named,
  pointer,
  slice,
  string,
  struct,
  tag,
  uint64,
  type ValueOf,
} from '../checkpointmanager/go-type.ts';
import { newestMinor, oldEscapes, type StateKind } from './state-kind.ts';

/** The same file in two programs whose Go packages have different names, and so other checksums. */
function sandboxTypes(outer: string, inner: string) {
  const mapping = {
    Protocol: tag('protocol', pointer(named(`${inner}.Protocol`, string)), 'omitempty'),
    ContainerPort: tag('container_port', pointer(int32), 'omitempty'),
    HostPort: tag('host_port', pointer(int32), 'omitempty'),
  };
  const head = {
    Version: tag('version', string),
    Name: tag('name', string),
    Namespace: tag('namespace', string),
  };
  const data = <M extends Parameters<typeof pointer<unknown>>[0]>(portMapping: M) =>
    struct(`${outer}.CheckpointData`, {
      PortMappings: tag('port_mappings', slice(pointer(portMapping)), 'omitempty'),
      HostNetwork: tag('host_network', bool, 'omitempty'),
    });
  return {
    old: struct(`${outer}.PodSandboxCheckpoint`, {
      ...head,
      Data: tag('data', pointer(data(struct(`${inner}.PortMapping`, mapping))), 'omitempty'),
      CheckSum: tag('checksum', uint64),
    }),
    framework: struct(`${outer}.PodSandboxCheckpoint`, {
      ...head,
      Data: tag('data', pointer(data(struct(`${inner}.PortMapping`, mapping))), 'omitempty'),
      Checksum: tag('checksum', checksumType),
    }),
    now: struct(`${outer}.PodSandboxCheckpoint`, {
      ...head,
      Data: tag(
        'data',
        pointer(
          data(struct(`${inner}.PortMapping`, { ...mapping, HostIP: tag('host_ip', string, 'omitempty') })),
        ),
        'omitempty',
      ),
      Checksum: tag('checksum', checksumType),
    }),
  };
}

const { old, framework, now } = sandboxTypes('dockershim', 'dockershim');
const { now: cri } = sandboxTypes('core', 'config');

interface PortMapping {
  Protocol: string | null;
  ContainerPort: bigint | null;
  HostPort: bigint | null;
  HostIP: string;
}
interface Sandbox<M> {
  Version: string;
  Name: string;
  Namespace: string;
  Data: { PortMappings: (M | null)[] | null; HostNetwork: boolean } | null;
}
type WithoutHostIp = Sandbox<Omit<PortMapping, 'HostIP'>>;
type OldSandbox = WithoutHostIp & { CheckSum: bigint };
type FrameworkSandbox = WithoutHostIp & { Checksum: bigint };
export type SandboxState = Sandbox<PortMapping> & { Checksum: bigint };

const head = { Version: '', Name: '', Namespace: '' };
const initial = (): unknown => ({ ...head, Data: { PortMappings: null, HostNetwork: false }, Checksum: 0n });

export const dockershim: CheckpointDefinition = defineCheckpoint({
  name: 'dockershim-sandbox',
  versions: [
    version({
      version: '1.6',
      type: old,
      initial: () => ({ ...head, Data: { PortMappings: null, HostNetwork: false }, CheckSum: 0n }),
      checksum: wholeStruct(old, { field: 'CheckSum', byValue: true }),
      encoding: oldEscapes,
    }),
    version<unknown, unknown>({
      version: '1.11',
      type: framework,
      initial,
      checksum: partOfStruct(framework, 'Data'),
      encoding: oldEscapes,
      up(older) {
        const { CheckSum, ...sandbox } = older as OldSandbox;
        return { ...sandbox, Checksum: 0n };
      },
      down(newer) {
        const { Checksum, ...sandbox } = newer as FrameworkSandbox;
        return { ...sandbox, CheckSum: 0n };
      },
    }),
    version<unknown, unknown>({
      version: '1.20.3',
      type: now,
      initial,
      checksum: partOfStruct(now, 'Data'),
      encoding: oldEscapes,
      up(older) {
        const sandbox = older as FrameworkSandbox;
        return {
          ...sandbox,
          Data: withMappings(sandbox.Data, (each) => ({ ...each, HostIP: '' })),
          Checksum: 0n,
        };
      },
      down(newer, { lose }) {
        const sandbox = newer as SandboxState;
        const data = withMappings(sandbox.Data, ({ HostIP, ...each }) => {
          if (HostIP !== '') lose(`${sandbox.Namespace}/${sandbox.Name}: host address ${HostIP} of a port`);
          return each;
        });
        return { ...sandbox, Data: data, Checksum: 0n };
      },
    }),
  ],
});

export const criDockerd = defineCheckpoint({
  name: 'cri-dockerd-sandbox',
  versions: [version({ version: 'v1', type: cri, initial, checksum: partOfStruct(cri, 'Data') })],
});

export type CriDockerdState = ValueOf<typeof cri>;

function withMappings<A, B>(
  data: Sandbox<A>['Data'],
  change: (mapping: A) => B,
): { PortMappings: (B | null)[] | null; HostNetwork: boolean } | null {
  if (data === null) return null;
  const mappings = data.PortMappings;
  return {
    ...data,
    PortMappings: mappings === null ? null : mappings.map((each) => (each === null ? null : change(each))),
  };
}

const removed = (_minor: number, cause: string): { starts: boolean; message: string } => ({
  starts: true,
  message: `${cause} (the file is removed)`,
});

export const dockershimKind: StateKind = {
  kind: 'dockershim-sandbox',
  title: 'a pod sandbox of dockershim',
  definition: dockershim,
  minors: [6, 23],
  written: [
    { version: '1.20.3', minors: [20, 23] },
    { version: '1.11', minors: [11, 19] },
    { version: '1.6', minors: [6, 10] },
  ],
  readers(minor) {
    if (minor < 11) return [{ version: '1.6' }];
    if (minor < 20) return [{ version: '1.11' }];
    // 1.20.0 to 1.20.2 have no host address yet; a minor is taken for any of its patches here.
    return minor === 20 ? [{ version: '1.20.3' }, { version: '1.11' }] : [{ version: '1.20.3' }];
  },
  reports: () => 'first',
  failure: removed,
};

export const criDockerdKind: StateKind = {
  kind: 'cri-dockerd-sandbox',
  title: 'a pod sandbox of cri-dockerd',
  definition: criDockerd,
  minors: [24, newestMinor],
  written: [{ version: 'v1', minors: [24, newestMinor] }],
  readers: () => [{ version: 'v1' }],
  reports: () => 'first',
  failure: removed,
};
