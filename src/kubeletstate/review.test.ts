import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceManagerState } from './device-manager.ts';
import { dropPods } from './drop-pods.ts';
import type { MemoryManagerState, MemoryTable } from './memory-manager.ts';
import type { NodeFacts } from './node-facts.ts';
import { reviewDevices } from './review-devices.ts';
import { reviewMemory } from './review-memory.ts';

const table = (total: bigint, reserved: bigint): MemoryTable => ({
  TotalMemSize: total,
  SystemReserved: 0n,
  Allocatable: total,
  Reserved: reserved,
  Free: total - reserved,
});

/** Two NUMA nodes with 100 bytes each; `uid-1/app` has 60 of node 0, `uid-2/db` 120 of both. */
function memory(): MemoryManagerState {
  const node = (cells: bigint[], assignments: bigint, reserved: bigint) => ({
    NumberOfAssignments: assignments,
    MemoryMap: new Map([['memory', table(100n, reserved)]]),
    Cells: cells,
  });
  const block = (NUMAAffinity: bigint[], Size: bigint) => ({ NUMAAffinity, Type: 'memory', Size });
  return {
    PolicyName: 'Static',
    MachineState: new Map([
      [0n, node([0n, 1n], 2n, 100n)],
      [1n, node([0n, 1n], 1n, 80n)],
    ]),
    Entries: new Map([
      ['uid-1', new Map([['app', [block([0n], 60n)]]])],
      ['uid-2', new Map([['db', [block([0n, 1n], 120n)]]])],
    ]),
    PodEntries: new Map(),
    Checksum: 0n,
  };
}

const machine = (sizes: bigint[]): NodeFacts => ({
  numaNodes: sizes.map((size, id) => ({ id, cpus: [], memory: new Map([['memory', size]]) })),
});
const codes = (findings: readonly { code: string }[]) => findings.map((each) => each.code);

describe('reviewMemory', () => {
  it('finds nothing in what agrees with itself and the machine', () => {
    assert.deepEqual(reviewMemory(memory(), machine([100n, 100n])), []);
  });

  it('says how the machine differs, with the words with which the kubelet would end', () => {
    const [finding, ...others] = reviewMemory(memory(), machine([100n, 90n, 100n]));
    assert.deepEqual(others, []);
    assert.equal(
      finding?.fatal,
      'start memory manager error: [memorymanager] the expected machine state is different from the real one',
    );
    assert.equal(finding?.reset, true);
    assert.match(finding?.hint ?? '', /NUMA node 1, memory: 100 bytes in the file, 90 on the machine/);
    assert.match(finding?.hint ?? '', /NUMA node 2 is not in the file/);
  });

  it('finds sums that do not add up, memory given twice, and places that do not exist', () => {
    const state = memory();
    const first = state.MachineState?.get(0n)?.MemoryMap?.get('memory');
    assert.ok(first);
    first.Reserved = 50n;
    assert.deepEqual(codes(reviewMemory(state, {})), ['memory-sum', 'memory-overcommitted']);
    const lost = memory();
    lost.MachineState?.delete(1n);
    assert.deepEqual(codes(reviewMemory(lost, {})), ['numa-node-missing']);
    assert.deepEqual(codes(reviewMemory({ ...memory(), MachineState: new Map() }, {})), ['machine-empty']);
  });
});

describe('dropPods', () => {
  it('gives memory back to the nodes that it came from, and leaves the file that it was given alone', () => {
    const before = memory();
    const after = dropPods('memory-manager', before, new Set(['uid-1'])) as MemoryManagerState;
    assert.deepEqual([...(after.Entries?.keys() ?? [])], ['uid-2']);
    const node = after.MachineState?.get(0n);
    assert.equal(node?.NumberOfAssignments, 1n);
    assert.deepEqual(node?.MemoryMap?.get('memory'), table(100n, 40n));
    assert.deepEqual(after.MachineState?.get(1n), before.MachineState?.get(1n));
    assert.deepEqual(before, memory());
    const none = dropPods('memory-manager', before, new Set(['uid-1', 'uid-2'])) as MemoryManagerState;
    for (const id of [0n, 1n]) {
      const empty = none.MachineState?.get(id);
      assert.deepEqual([empty?.NumberOfAssignments, empty?.Cells], [0n, [id]]);
    }
    assert.equal(dropPods('memory-manager', before, new Set(['other'])), undefined);
  });
});

describe('reviewDevices', () => {
  const entry = (PodUID: string, node: bigint, ids: string[]) => ({
    PodUID,
    ContainerName: 'c',
    ResourceName: 'x.io/gpu',
    DeviceIDs: new Map([[node, ids]]),
    AllocResp: null,
  });
  const devices = (...entries: ReturnType<typeof entry>[]): DeviceManagerState => ({
    Data: { PodDeviceEntries: entries, RegisteredDevices: new Map([['x.io/gpu', ['a', 'b']]]) },
    Checksum: 0n,
  });
  const served = (...ids: string[]): NodeFacts => ({
    pods: new Map([['uid-1', { namespace: 'ns', name: 'web' }]]),
    containerResources: new Map([['ns/web/c', { cpus: [], devices: new Map([['x.io/gpu', ids]]) }]]),
  });

  it('finds devices with two owners, unregistered ones, and NUMA nodes that the machine lacks', () => {
    const state = devices(
      entry('uid-1', 0n, ['a']),
      entry('uid-2', 5n, ['a', 'z']),
      entry('uid-3', -1n, ['b']),
    );
    assert.deepEqual(codes(reviewDevices(state, machine([1n]))), [
      'device-given-twice',
      'device-not-healthy',
      'numa-node-missing',
    ]);
  });

  it('holds them against what the kubelet says', () => {
    const state = devices(entry('uid-1', 0n, ['a', 'b']));
    assert.deepEqual(reviewDevices(state, served('b', 'a')), []);
    assert.match(
      reviewDevices(state, served('a'))[0]?.message ?? '',
      /^ns\/web\/c has x\.io\/gpu a, b in the file; the kubelet says a$/,
    );
  });
});
