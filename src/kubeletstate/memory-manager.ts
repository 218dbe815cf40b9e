import { utf8 } from '../bytes/text.ts';
import { checksumType, fnv32a } from '../checkpointmanager/checksum.ts';
import { wholeStruct } from '../checkpointmanager/checksum-rule.ts';
import { defineCheckpoint, version } from '../checkpointmanager/define.ts';
import { goSyntax } from '../checkpointmanager/go-syntax.ts';
import {
  int,
  map,
  named,
  pointer,
  slice,
  string,
  struct,
  tag,
  uint64,
  type ValueOf,
} from '../checkpointmanager/go-type.ts';
import { newestMinor, podLevelGate, type Reader, type StateKind } from './state-kind.ts';

const resourceName = named('v1.ResourceName', string);
/** Sizes in bytes. */
const memoryTable = struct('state.MemoryTable', {
  TotalMemSize: tag('total', uint64),
  SystemReserved: tag('systemReserved', uint64),
  Allocatable: tag('allocatable', uint64),
  Reserved: tag('reserved', uint64),
  Free: tag('free', uint64),
});
const numaNode = struct('state.NUMANodeState', {
  NumberOfAssignments: tag('numberOfAssignments', int),
  MemoryMap: tag('memoryMap', map(resourceName, pointer(memoryTable))),
  Cells: tag('cells', slice(int)),
});
const block = struct('state.Block', {
  NUMAAffinity: tag('numaAffinity', slice(int)),
  Type: tag('type', resourceName),
  Size: tag('size', uint64),
});
const assignments = named('state.ContainerMemoryAssignments', map(string, map(string, slice(block))));
const podEntry = struct('state.PodEntry', {
  MemoryBlocks: tag('memoryBlocks', slice(block), 'omitempty'),
});

const head = {
  PolicyName: tag('policyName', string),
  MachineState: tag('machineState', named('state.NUMANodeMap', map(int, pointer(numaNode)))),
  Entries: tag('entries', assignments, 'omitempty'),
};
const sum = tag('checksum', checksumType);
const fileV1 = struct('state.MemoryManagerCheckpoint', { ...head, Checksum: sum });
const ownV1 = struct('state.MemoryManagerCheckpointV1', { ...head, Checksum: sum });
const fileV2 = struct('state.MemoryManagerCheckpoint', {
  ...head,
  PodEntries: tag('podEntries', named('state.PodMemoryAssignments', map(string, podEntry)), 'omitempty'),
  Checksum: sum,
});

export type NumaNodeState = ValueOf<typeof numaNode>;
export type MemoryTable = ValueOf<typeof memoryTable>;
export type MemoryBlock = ValueOf<typeof block>;
export type MemoryManagerV1 = ValueOf<typeof fileV1>;
export type MemoryManagerState = ValueOf<typeof fileV2>;

const empty = { PolicyName: '', Checksum: 0n };

export const memoryManager = defineCheckpoint({
  name: 'memory-manager',
  versions: [
    version({
      version: 'v1',
      type: fileV1,
      initial: () => ({ ...empty, MachineState: new Map(), Entries: new Map() }),
      checksum: wholeStruct(fileV1),
    }),
    version({
      version: 'v2',
      type: fileV2,
      initial: () => ({ ...empty, MachineState: new Map(), Entries: new Map(), PodEntries: new Map() }),
      checksum: wholeStruct(fileV2),
      up: (older: MemoryManagerV1): MemoryManagerState => ({ ...older, PodEntries: new Map(), Checksum: 0n }),
      down({ PodEntries, ...older }: MemoryManagerState, { lose }): MemoryManagerV1 {
        for (const podUid of PodEntries?.keys() ?? []) lose(`${podUid}: memory of the pod as a whole`);
        return { ...older, Checksum: 0n };
      },
    }),
  ],
});

/** With the gate off, 1.36 also accepts a V1 file that was hashed under V1's own name. */
const v1OfItsOwn = (file: unknown): bigint => {
  const { PolicyName, MachineState, Entries } = file as MemoryManagerV1;
  return fnv32a(utf8(goSyntax(pointer(ownV1), { PolicyName, MachineState, Entries, Checksum: 0n })));
};

export const memoryManagerKind: StateKind = {
  kind: 'memory-manager',
  title: 'memory given to containers, per NUMA node',
  definition: memoryManager,
  minors: [21, newestMinor],
  written: [
    { version: 'v2', minors: [36, newestMinor], gate: podLevelGate },
    { version: 'v1', minors: [21, newestMinor] },
  ],
  readers(minor, gates) {
    if (minor < 36) return [{ version: 'v1' }];
    const v1: Reader = { version: 'v1', zeroAccepted: true };
    return gates.has(podLevelGate) ? [{ version: 'v2' }, v1] : [v1, { ...v1, computed: v1OfItsOwn }];
  },
  reports: () => 'last',
  failure: (_minor, cause, path) => ({
    starts: false,
    message:
      `start memory manager error: could not restore state from checkpoint: ${cause}, please drain this node ` +
      `and delete the memory manager checkpoint file "${path}" before restarting Kubelet`,
  }),
};
