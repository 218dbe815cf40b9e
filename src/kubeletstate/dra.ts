import { textOf, utf8 } from '../bytes/text.ts';
import { checksumType } from '../checkpointmanager/checksum.ts';
import { crcOfTextField, wholeStruct } from '../checkpointmanager/checksum-rule.ts';
import { defineCheckpoint, version, versionInText } from '../checkpointmanager/define.ts';
import {
  bytes,
  type GoJson,
  inline,
  interfaceNamed,
  map,
  named,
  pointer,
  slice,
  string,
  struct,
  tag,
  type ValueOf,
} from '../checkpointmanager/go-type.ts';
import { newestMinor, oldEscapes, type Reader, type StateKind } from './state-kind.ts';

const uid = named('types.UID', string);
const uidSet = named('sets.Set[string]', map(string, struct('sets.Empty', {})));
const devicesByDriver = map(string, slice(string));
const sum = tag('checksum', checksumType);

/** JSON that is kept as it stands, Go's `runtime.RawExtension`. */
const rawJson: GoJson = {
  decode: (token, existing) => (token === 'null' ? existing : { Raw: utf8(token), Object: null }),
  encode: (value) => {
    const { Raw } = value as { Raw: Uint8Array | null };
    return Raw === null ? 'null' : compact(textOf(Raw));
  },
};

/** JSON without spaces and with the escapes that Go's encoder gives to what a type has written itself. */
function compact(text: string): string {
  return text.replace(
    /("(?:[^"\\]|\\.)*")|[ \t\r\n]+/gs,
    (_, quoted: string | undefined) =>
      quoted?.replace(
        /[<>&\u2028\u2029]/g,
        (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ) ?? '',
  );
}

const rawExtension = struct(
  'runtime.RawExtension',
  { Raw: bytes, Object: interfaceNamed('runtime.Object') },
  rawJson,
);
const structuredHandle = struct('v1alpha2.StructuredResourceHandle', {
  VendorClassParameters: tag('vendorClassParameters', rawExtension),
  VendorClaimParameters: tag('vendorClaimParameters', rawExtension),
  NodeName: tag('nodeName', string, 'omitempty'),
  Results: tag(
    'results',
    slice(
      struct('v1alpha2.DriverAllocationResult', {
        VendorRequestParameters: tag('vendorRequestParameters', rawExtension),
        AllocationResultModel: inline(
          struct('v1alpha2.AllocationResultModel', {
            NamedResources: tag(
              'namedResources',
              pointer(struct('v1alpha2.NamedResourcesAllocationResult', { Name: tag('name', string) })),
              'omitempty',
            ),
          }),
        ),
      }),
    ),
  ),
});

const handle = { DriverName: tag('driverName', string, 'omitempty'), Data: tag('data', string, 'omitempty') };
const handle128 = struct('v1alpha2.ResourceHandle', handle);
const handle130 = struct('v1alpha2.ResourceHandle', {
  ...handle,
  StructuredData: tag('structuredData', pointer(structuredHandle), 'omitempty'),
});

const claimHead = {
  DriverName: string,
  ClassName: string,
  ClaimUID: uid,
  ClaimName: string,
  Namespace: string,
  PodUIDs: uidSet,
};
const claim127 = struct('state.ClaimInfoState', { ...claimHead, CDIDevices: devicesByDriver });
const claim128 = struct('state.ClaimInfoState', {
  ...claimHead,
  ResourceHandles: slice(handle128),
  CDIDevices: devicesByDriver,
});
const claim130 = struct('state.ClaimInfoState', {
  ...claimHead,
  ResourceHandles: slice(handle130),
  CDIDevices: devicesByDriver,
});

const dumped = <V>(claim: Parameters<typeof slice<V>>[0]) =>
  struct('state.DRAManagerCheckpoint', {
    Version: tag('version', string),
    Entries: tag('entries', named('state.ClaimInfoStateList', slice(claim)), 'omitempty'),
    Checksum: sum,
  });
const file127 = dumped(claim127);
const file128 = dumped(claim128);
const file130 = dumped(claim130);

const file131 = struct('state.Checkpoint', { Data: string, Checksum: checksumType });
const device131 = { PoolName: string, DeviceName: string };
const deviceTail = { RequestNames: slice(string), CDIDeviceIDs: slice(string) };
const claimList = <V>(device: Parameters<typeof slice<V>>[0]) =>
  struct('state.CheckpointData', {
    Kind: tag('kind', string, 'omitempty'),
    APIVersion: tag('apiVersion', string, 'omitempty'),
    ClaimInfoStateList: slice(
      struct('state.ClaimInfoState', {
        ClaimUID: uid,
        ClaimName: string,
        Namespace: string,
        PodUIDs: uidSet,
        DriverState: map(string, struct('state.DriverState', { Devices: slice(device) })),
      }),
    ),
  });
const data131 = claimList(struct('state.Device', { ...device131, ...deviceTail }));
const data135 = claimList(struct('state.Device', { ...device131, ShareID: pointer(uid), ...deviceTail }));

type Dra127 = ValueOf<typeof file127>;
type Dra128 = ValueOf<typeof file128>;
type Dra130 = ValueOf<typeof file130>;
type Dra131 = ValueOf<typeof data131>;
export type DraState = ValueOf<typeof data135>;

const initial = (): unknown => ({ Version: 'v1', Entries: [], Checksum: 0n });

export const draManager = defineCheckpoint({
  name: 'dra-manager',
  versions: [
    version({
      version: '1.27',
      type: file127,
      initial,
      checksum: wholeStruct(file127),
      encoding: oldEscapes,
    }),
    version({
      version: '1.28',
      type: file128,
      initial,
      checksum: wholeStruct(file128),
      encoding: oldEscapes,
      up: (older: Dra127): Dra128 => ({
        ...older,
        Entries:
          older.Entries === null ? null : older.Entries.map((claim) => ({ ...claim, ResourceHandles: null })),
      }),
      down: (newer: Dra128, { lose }): Dra127 => ({
        ...newer,
        Entries:
          newer.Entries === null
            ? null
            : newer.Entries.map(({ ResourceHandles, ...claim }) => {
                if (ResourceHandles) {
                  lose(
                    `${claim.Namespace}/${claim.ClaimName}: its ${ResourceHandles.length} resource handles`,
                  );
                }
                return claim;
              }),
      }),
    }),
    version({
      version: '1.30',
      type: file130,
      initial,
      checksum: wholeStruct(file130),
      up: (older: Dra128): Dra130 => ({
        ...older,
        Entries:
          older.Entries === null
            ? null
            : older.Entries.map((claim) => ({
                ...claim,
                ResourceHandles:
                  claim.ResourceHandles === null
                    ? null
                    : claim.ResourceHandles.map((each) => ({ ...each, StructuredData: null })),
              })),
      }),
      down: (newer: Dra130, { lose }): Dra128 => ({
        ...newer,
        Entries:
          newer.Entries === null
            ? null
            : newer.Entries.map((claim) => ({
                ...claim,
                ResourceHandles:
                  claim.ResourceHandles === null
                    ? null
                    : claim.ResourceHandles.map(({ StructuredData, ...each }) => {
                        if (StructuredData)
                          lose(`${claim.Namespace}/${claim.ClaimName}: structured data of a handle`);
                        return each;
                      }),
              })),
      }),
    }),
    versionInText({
      version: '1.31',
      type: file131,
      inside: { field: 'Data', type: data131 },
      checksum: crcOfTextField('Data'),
      up: toDriverState,
      down: fromDriverState,
    }),
    versionInText({
      version: '1.35',
      type: file131,
      inside: { field: 'Data', type: data135 },
      checksum: crcOfTextField('Data'),
      up: (older: Dra131): DraState => withDevices(older, (device) => ({ ...device, ShareID: null })),
      down: (newer: DraState, { lose }): Dra131 =>
        withDevices(newer, ({ ShareID, ...device }) => {
          if (ShareID !== null) lose(`${device.PoolName}/${device.DeviceName}: its share ${ShareID}`);
          return device;
        }),
    }),
  ],
});

type Claims<D> = {
  Kind: string;
  APIVersion: string;
  ClaimInfoStateList:
    | {
        ClaimUID: string;
        ClaimName: string;
        Namespace: string;
        PodUIDs: Map<string, Record<never, never>> | null;
        DriverState: Map<string, { Devices: D[] | null }> | null;
      }[]
    | null;
};

function withDevices<A, B>(state: Claims<A>, change: (device: A) => B): Claims<B> {
  return {
    ...state,
    ClaimInfoStateList:
      state.ClaimInfoStateList === null
        ? null
        : state.ClaimInfoStateList.map((claim) => ({
            ...claim,
            DriverState:
              claim.DriverState &&
              new Map(
                [...claim.DriverState].map(([driver, { Devices }]) => [
                  driver,
                  { Devices: Devices === null ? null : Devices.map(change) },
                ]),
              ),
          })),
  };
}

/** The kubelet has no way from 1.30 to 1.31. This one keeps what both know: which claim has which CDI devices. */
function toDriverState(older: Dra130, { lose }: { lose(what: string): void }): Dra131 {
  const list =
    older.Entries === null
      ? null
      : older.Entries.map((claim) => {
          const name = `${claim.Namespace}/${claim.ClaimName}`;
          lose(`${name}: pool and device names are not in the old file`);
          if (claim.ResourceHandles?.length) lose(`${name}: its resource handles`);
          const states = new Map<
            string,
            {
              Devices: {
                CDIDeviceIDs: string[] | null;
                RequestNames: null;
                PoolName: string;
                DeviceName: string;
              }[];
            }
          >();
          for (const [driver, ids] of claim.CDIDevices ?? []) {
            states.set(driver, {
              Devices: [{ PoolName: '', DeviceName: '', RequestNames: null, CDIDeviceIDs: ids }],
            });
          }
          const { ClaimUID, ClaimName, Namespace, PodUIDs } = claim;
          return { ClaimUID, ClaimName, Namespace, PodUIDs, DriverState: states };
        });
  return { ...header, ClaimInfoStateList: list };
}

const header = { Kind: 'DRACheckpoint', APIVersion: 'checkpoint.dra.kubelet.k8s.io/v1' };

function fromDriverState(newer: Dra131, { lose }: { lose(what: string): void }): Dra130 {
  if (newer.Kind !== header.Kind || newer.APIVersion !== header.APIVersion) {
    lose(`kind ${newer.Kind} and apiVersion ${newer.APIVersion}`);
  }
  const entries =
    newer.ClaimInfoStateList === null
      ? null
      : newer.ClaimInfoStateList.map((claim) => {
          const name = `${claim.Namespace}/${claim.ClaimName}`;
          const devices = [...(claim.DriverState ?? [])].map(
            ([driver, { Devices }]) =>
              [driver, (Devices ?? []).flatMap((each) => each.CDIDeviceIDs ?? [])] as const,
          );
          if (devices.length > 0) lose(`${name}: pool, device and request names`);
          if (devices.length > 1)
            lose(`${name}: drivers other than ${devices[0]?.[0]} as the claim's driver`);
          lose(`${name}: class name and resource handles are not in the new file`);
          const { ClaimUID, ClaimName, Namespace, PodUIDs } = claim;
          return {
            DriverName: devices[0]?.[0] ?? '',
            ClassName: '',
            ClaimUID,
            ClaimName,
            Namespace,
            PodUIDs,
            ResourceHandles: null,
            CDIDevices: new Map(devices),
          };
        });
  return { Version: 'v1', Entries: entries, Checksum: 0n };
}

export const draManagerKind: StateKind = {
  kind: 'dra-manager',
  title: 'devices of resource claims',
  definition: draManager,
  minors: [27, newestMinor],
  written: [
    { version: '1.35', minors: [35, newestMinor] },
    { version: '1.31', minors: [31, 34] },
    { version: '1.30', minors: [30, 30] },
    { version: '1.28', minors: [28, 29] },
    { version: '1.27', minors: [27, 27] },
  ],
  readers(minor): readonly Reader[] {
    if (minor >= 35) return [{ version: '1.35' }];
    if (minor >= 31) return [{ version: '1.31' }];
    if (minor === 27) return [{ version: '1.27' }];
    return [{ version: minor === 30 ? '1.30' : '1.28' }, { version: '1.27' }];
  },
  reports: () => 'first',
  failure: (_minor, cause) => ({
    starts: false,
    message: `failed to get checkpoint dra_manager_state: ${cause}`,
  }),
};
