import { utf8 } from '../bytes/text.ts';
import { checksumType, fnv32a } from '../checkpointmanager/checksum.ts';
import { wholeStruct } from '../checkpointmanager/checksum-rule.ts';
import { defineCheckpoint, version } from '../checkpointmanager/define.ts';
import { decodeJsonText } from '../checkpointmanager/go-json.ts';
import { encodeJsonText } from '../checkpointmanager/go-json-encode.ts';
import { goSyntax } from '../checkpointmanager/go-syntax.ts';
import { map, named, pointer, string, struct, tag, type ValueOf } from '../checkpointmanager/go-type.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import {
  type CpuSet,
  cpuSetType,
  cpusOf,
  formatCpuSet,
  type GoCpuSet,
  goCpuSet,
  parseCpuSet,
} from './cpuset.ts';
import { newestMinor, oldEscapes, podLevelGate, type Reader, type StateKind } from './state-kind.ts';

const sum = tag('checksum', checksumType);
const policy = { PolicyName: tag('policyName', string), DefaultCPUSet: tag('defaultCpuSet', string) };
const byContainer = map(string, map(string, string));

const fileV1 = struct('state.CPUManagerCheckpointV1', {
  ...policy,
  Entries: tag('entries', map(string, string), 'omitempty'),
  Checksum: sum,
});
const fileV2 = struct('state.CPUManagerCheckpointV2', {
  ...policy,
  Entries: tag('entries', byContainer, 'omitempty'),
  Checksum: sum,
});
/** What a pod entry is in JSON: its CPUs as a list, left out where there are none. */
const podEntryInJson = struct('state.podEntryJSON', { CPUSet: tag('cpuSet', string, 'omitempty') });
const podEntry = struct(
  'state.PodEntry',
  { CPUSet: cpuSetType },
  {
    decode: (token) => ({ CPUSet: goCpuSet(parsePodCpus(decodeJsonText(podEntryInJson, token).CPUSet)) }),
    encode: (value) => {
      const { CPUSet } = value as { CPUSet: GoCpuSet };
      return encodeJsonText(podEntryInJson, { CPUSet: formatCpuSet(cpusOf(CPUSet)) });
    },
  },
);
const fileV3 = struct('state.CPUManagerCheckpoint', {
  ...policy,
  Entries: tag('entries', byContainer, 'omitempty'),
  PodEntries: tag('podEntries', named('state.PodCPUAssignments', map(string, podEntry)), 'omitempty'),
  Checksum: sum,
});

export type CpuManagerV1 = ValueOf<typeof fileV1>;
export type CpuManagerV2 = ValueOf<typeof fileV2>;
export type CpuManagerState = ValueOf<typeof fileV3>;

/** All versions are hashed under this name. */
const hashedName = 'state.CPUManagerCheckpoint';
const empty = { PolicyName: '', DefaultCPUSet: '', Checksum: 0n };

/** Where a container id belongs, from the runtime; needed to read a V1 file. */
export type ContainerOf = (id: string) => { podUid: string; container: string } | undefined;
/** The other way round, to write one. */
export type ContainerIdOf = (podUid: string, container: string) => string | undefined;

export const cpuManager = defineCheckpoint({
  name: 'cpu-manager',
  versions: [
    version({
      version: 'v1',
      type: fileV1,
      initial: () => ({ ...empty, Entries: new Map() }),
      checksum: wholeStruct(fileV1, { name: hashedName }),
      zeroAccepted: true,
      encoding: oldEscapes,
    }),
    version({
      version: 'v2',
      type: fileV2,
      initial: () => ({ ...empty, Entries: new Map() }),
      checksum: wholeStruct(fileV2, { name: hashedName }),
      zeroAccepted: true,
      up(older: CpuManagerV1, { facts }): CpuManagerV2 {
        const containerOf = facts['containerOf'] as ContainerOf | undefined;
        const entries = new Map<string, Map<string, string>>();
        for (const [id, cpus] of older.Entries ?? []) {
          const found = containerOf?.(id);
          if (!found) throw unknownContainer(id);
          entries.set(found.podUid, (entries.get(found.podUid) ?? new Map()).set(found.container, cpus));
        }
        return { ...older, Entries: entries, Checksum: 0n };
      },
      down(newer: CpuManagerV2, { facts, lose }): CpuManagerV1 {
        const idOf = facts['containerIdOf'] as ContainerIdOf | undefined;
        const entries = new Map<string, string>();
        for (const [podUid, containers] of newer.Entries ?? []) {
          if (!containers?.size) lose(`${podUid}: an entry without containers`);
          for (const [container, cpus] of containers ?? []) {
            const id = idOf?.(podUid, container);
            if (id === undefined)
              lose(`${podUid}/${container}: CPUs ${cpus} (its container id is not known)`);
            else entries.set(id, cpus);
          }
        }
        return { ...newer, Entries: entries, Checksum: 0n };
      },
    }),
    version({
      version: 'v3',
      type: fileV3,
      initial: () => ({ ...empty, Entries: new Map(), PodEntries: new Map() }),
      checksum: wholeStruct(fileV3),
      up: (older: CpuManagerV2): CpuManagerState => ({ ...older, PodEntries: new Map(), Checksum: 0n }),
      down({ PodEntries, ...older }: CpuManagerState, { lose }): CpuManagerV2 {
        for (const podUid of PodEntries?.keys() ?? []) lose(`${podUid}: CPUs of the pod as a whole`);
        return { ...older, Checksum: 0n };
      },
    }),
  ],
});

function parsePodCpus(text: string): CpuSet {
  try {
    return parseCpuSet(text);
  } catch (error) {
    throw new CodedError('corrupt', `failed to parse cpuset: ${messageOf(error)}`, { cause: error });
  }
}

function unknownContainer(id: string): CodedError {
  return new CodedError('failed-precondition', `containerID '${id}' not found in initial containers list`, {
    hint: 'V1 files name containers by id; who they are must come from the runtime',
  });
}

/** With the gate off, 1.36 also accepts a V2 file that was hashed under V2's own name. */
const v2OfItsOwn = (file: unknown): bigint =>
  fnv32a(utf8(goSyntax(pointer(fileV2), { ...(file as CpuManagerV2), Checksum: 0n })));

const v1: Reader = { version: 'v1', zeroAccepted: true };
const v2: Reader = { version: 'v2', zeroAccepted: true };

export const cpuManagerKind: StateKind = {
  kind: 'cpu-manager',
  title: 'CPUs given to containers, and the shared rest',
  definition: cpuManager,
  minors: [8, newestMinor],
  written: [
    { version: 'v3', minors: [36, newestMinor], gate: podLevelGate },
    { version: 'v2', minors: [18, newestMinor] },
    { version: 'v1', minors: [8, 17] },
  ],
  readers(minor, gates) {
    if (minor < 18) return [{ ...v1, rename: ['CPUManagerCheckpointV1', 'CPUManagerCheckpoint'] }];
    if (minor < 36) return [v1, v2];
    if (gates.has(podLevelGate)) return [{ version: 'v3' }, v2, v1];
    return [v2, { ...v2, computed: v2OfItsOwn }, v1];
  },
  reports: () => 'last',
  failure: (_minor, cause, path) => ({
    starts: false,
    message:
      `start cpu manager error: could not restore state from checkpoint: ${cause}, please drain this node and ` +
      `delete the CPU manager checkpoint file "${path}" before restarting Kubelet`,
  }),
};
