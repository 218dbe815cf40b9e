import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { memoryManager } from '../kubeletstate/memory-manager.ts';
import { had, mebi, nodesOf, openManager, podOf } from './synthetic.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'memory-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}
const facts = (...alive: string[]) => ({ alive: new Set(alive), running: new Set<string>() });
const container = (name: string) => ({ name, image: 'i' });

test('MemoryManager gives memory of one node where it is enough, else of the smallest group', async (t) => {
  // Each node has 1000 MiB, less 100 of huge pages, less 100 for the system.
  const { manager } = await openManager(folder(t), nodesOf(4));
  await manager.admit(podOf('a', [{ memory: 600, pages: 100 }]), facts('a'));
  assert.equal(had(manager.entries, 'a'), 'c0=0:hugepages-2Mi:100,0:memory:600');
  await manager.admit(podOf('b', [{ memory: 900 }]), facts('a', 'b'));
  assert.equal(had(manager.entries, 'b'), 'c0=1+2:memory:900', 'node 0 serves alone, so it is in no group');
  assert.equal((await manager.grant(podOf('b', []), container('c0'))).cpusetMems, '1,2');
  assert.equal((await manager.grant(podOf('b', []), container('other'))).cpusetMems, undefined);
  await manager.admit(podOf('c', [{ memory: 300 }]), facts('a', 'b', 'c'));
  assert.equal(had(manager.entries, 'c'), 'c0=3:memory:300', 'a node of a group serves nobody alone');
  await manager.admit(podOf('d', [{ memory: 700 }]), facts('a', 'b', 'c', 'd'));
  assert.equal(had(manager.entries, 'd'), 'c0=1+2:memory:700', 'the same group serves again');
  await assert.rejects(
    manager.admit(podOf('e', [{ memory: 600 }]), facts('a', 'b', 'c', 'd', 'e')),
    /\[memorymanager\] failed to get the default NUMA affinity, no NUMA nodes with enough memory is available/,
  );
  assert.equal(had(manager.entries, 'e'), '');
  await manager.release('b');
  await manager.release('d');
  await manager.admit(podOf('e', [{ memory: 600 }]), facts('a', 'c', 'e'));
  assert.equal(had(manager.entries, 'e'), 'c0=1:memory:600', 'a group that nobody uses is none any more');
});

test('MemoryManager gives memory of init containers to those that come after', async (t) => {
  const { manager } = await openManager(folder(t), nodesOf(1));
  await manager.admit(
    podOf('a', [{ memory: 500 }, { memory: 250 }], [{ memory: 700 }, { memory: 600 }]),
    facts('a'),
  );
  assert.equal(had(manager.entries, 'a'), 'c0=0:memory:500 c1=0:memory:250 i0=0:memory:0 i1=0:memory:0');
  await manager.admit(podOf('b', [{ memory: 50 }]), facts('a', 'b'));
  await assert.rejects(manager.admit(podOf('c', [{ memory: 1 }]), facts('a', 'b', 'c')));
});

test('only containers of Guaranteed pods get memory, and one that runs goes on without', async (t) => {
  const { manager } = await openManager(folder(t), nodesOf(1));
  const burstable = podOf('a', [{ memory: 100 }]);
  burstable.spec.containers[0] = { ...container('c0'), resources: { limits: { memory: '100Mi' } } };
  await manager.admit(burstable, facts('a'));
  assert.equal(manager.entries.size, 0);
  await manager.admit(podOf('b', [{ memory: 900 }]), { alive: new Set(['b']), running: new Set(['c0']) });
  assert.equal(manager.entries.size, 0);
});

test('the file is the one of the kubelet: version 1 is written, version 2 read', async (t) => {
  const path = folder(t);
  const { manager } = await openManager(path, nodesOf(2));
  await manager.admit(podOf('a', [{ memory: 1000 }]), facts('a'));
  const state = join(path, 'memory_manager_state');
  const bytes = readFileSync(state);
  assert.ok(memoryManager.inspect(bytes).find(({ version }) => version === 'v1')?.valid);
  const { policyName, machineState, entries } = JSON.parse(bytes.toString());
  assert.equal(policyName, 'Static');
  const size = (mib: number) => mib * Number(mebi);
  assert.deepEqual(entries, { a: { c0: [{ numaAffinity: [0, 1], type: 'memory', size: size(1000) }] } });
  const table = { total: size(1000), systemReserved: size(100), allocatable: size(800) };
  const pages = { total: size(100), systemReserved: 0, allocatable: size(100), reserved: 0, free: size(100) };
  assert.deepEqual(machineState, {
    0: {
      numberOfAssignments: 1,
      memoryMap: { 'hugepages-2Mi': pages, memory: { ...table, reserved: size(800), free: 0 } },
      cells: [0, 1],
    },
    1: {
      numberOfAssignments: 1,
      memoryMap: { 'hugepages-2Mi': pages, memory: { ...table, reserved: size(200), free: size(600) } },
      cells: [0, 1],
    },
  });
  writeFileSync(state, memoryManager.encode(memoryManager.decode(bytes), 'v2'));
  const again = await openManager(path, nodesOf(2));
  assert.deepEqual(again.explanations, []);
  assert.equal(had(again.manager.entries, 'a'), 'c0=0+1:memory:1000');
});
