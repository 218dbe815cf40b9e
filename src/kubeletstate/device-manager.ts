import { utf8 } from '../bytes/text.ts';
import { checksumType, fnv32a } from '../checkpointmanager/checksum.ts';
import { partOfStruct } from '../checkpointmanager/checksum-rule.ts';
import { defineCheckpoint, version } from '../checkpointmanager/define.ts';
import { goSyntax } from '../checkpointmanager/go-syntax.ts';
import {
  bytes,
  int64,
  map,
  named,
  slice,
  string,
  struct,
  type ValueOf,
} from '../checkpointmanager/go-type.ts';
import { newestMinor, oldEscapes, type StateKind } from './state-kind.ts';

/** Devices by NUMA node; -1 holds those without one. A device of several nodes is listed under each. */
const devicesPerNuma = named('checkpoint.DevicesPerNUMA', map(int64, slice(string)));

const head = { PodUID: string, ContainerName: string, ResourceName: string };
const entryV1 = struct('checkpoint.PodDevicesEntry', { ...head, DeviceIDs: slice(string), AllocResp: bytes });
const entryV2 = struct('checkpoint.PodDevicesEntry', {
  ...head,
  DeviceIDs: devicesPerNuma,
  AllocResp: bytes,
});

const registered = map(string, slice(string));
const dataV1 = struct('checkpoint.checkpointData', {
  PodDeviceEntries: slice(entryV1),
  RegisteredDevices: registered,
});
const dataV2 = struct('checkpoint.checkpointData', {
  PodDeviceEntries: slice(entryV2),
  RegisteredDevices: registered,
});
const fileV1 = struct('checkpoint.Data', { Data: dataV1, Checksum: checksumType });
const fileV2 = struct('checkpoint.Data', { Data: dataV2, Checksum: checksumType });

export type DeviceManagerV1 = ValueOf<typeof fileV1>;
export type DeviceManagerState = ValueOf<typeof fileV2>;

const initial = (): unknown => ({
  Data: { PodDeviceEntries: [], RegisteredDevices: new Map() },
  Checksum: 0n,
});

export const deviceManager = defineCheckpoint({
  name: 'device-manager',
  versions: [
    version({
      version: 'v1',
      type: fileV1,
      initial,
      checksum: partOfStruct(fileV1, 'Data'),
      encoding: oldEscapes,
    }),
    version({
      version: 'v2',
      type: fileV2,
      initial,
      checksum: partOfStruct(fileV2, 'Data'),
      up: (older: DeviceManagerV1, { lose }): DeviceManagerState =>
        withEntries(older, (ids, entry) => {
          lose(`${nameOf(entry)}: on which NUMA nodes its devices are; node 0 is taken, as the kubelet does`);
          return new Map([[0n, ids]]);
        }),
      down: (newer: DeviceManagerState, { lose }): DeviceManagerV1 =>
        withEntries(newer, (nodes, entry) => {
          const placed = [...(nodes?.keys() ?? [])].filter((node) => node >= 0n);
          if (placed.length > 0) {
            lose(`${nameOf(entry)}: NUMA nodes of its devices`);
          }
          return nodes && [...new Set([...nodes.values()].flatMap((ids) => ids ?? []))];
        }),
    }),
  ],
});

type Head = { PodUID: string; ContainerName: string; ResourceName: string };

function nameOf({ PodUID, ContainerName, ResourceName }: Head): string {
  return `${PodUID}/${ContainerName} ${ResourceName}`;
}

function withEntries<A, B>(
  state: {
    Data: {
      PodDeviceEntries: (Head & { DeviceIDs: A; AllocResp: Uint8Array | null })[] | null;
      RegisteredDevices: Map<string, string[] | null> | null;
    };
    Checksum: bigint;
  },
  change: (ids: A, entry: Head) => B,
): {
  Data: {
    PodDeviceEntries: (Head & { DeviceIDs: B; AllocResp: Uint8Array | null })[] | null;
    RegisteredDevices: Map<string, string[] | null> | null;
  };
  Checksum: bigint;
} {
  const entries = state.Data.PodDeviceEntries;
  return {
    Checksum: 0n,
    Data: {
      ...state.Data,
      PodDeviceEntries:
        entries === null
          ? null
          : entries.map((entry) => ({ ...entry, DeviceIDs: change(entry.DeviceIDs, entry) })),
    },
  };
}

/**
 * 1.22 to 1.30 verify a V1 file under its new type names and rename them in the text: the entry's name
 * everywhere, which hits values that contain it as well.
 */
function computedForOlder(file: unknown): bigint {
  const text = goSyntax(dataV1, (file as DeviceManagerV1).Data);
  return fnv32a(utf8(text.replaceAll('PodDevicesEntryV1', 'PodDevicesEntry')));
}

export const deviceManagerKind: StateKind = {
  kind: 'device-manager',
  title: 'devices given to containers, and registered ones',
  definition: deviceManager,
  minors: [8, newestMinor],
  written: [
    { version: 'v2', minors: [20, newestMinor] },
    { version: 'v1', minors: [8, 19] },
  ],
  readers(minor) {
    if (minor < 20) return [{ version: 'v1' }];
    if (minor < 22 || minor > 30) return [{ version: 'v2' }];
    return [{ version: 'v2' }, { version: 'v1', computed: computedForOlder }];
  },
  reports: () => 'first',
  failure: (_minor, cause) => ({
    starts: true,
    message: `Continue after failing to read checkpoint file. Device allocation info may NOT be up-to-date: ${cause}`,
  }),
};
