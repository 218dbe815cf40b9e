import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freshMachine } from './machine.ts';
import { had, mebi, nodesOf, openManager, podOf } from './synthetic.ts';
import { type MemoryState, takeOverMemory } from './take-over.ts';

test('takeOverMemory explains what does not fit and keeps what can be kept', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'memory-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { manager, file } = await openManager(folder, nodesOf(2));
  for (const [uid, memory] of [
    ['a', 300],
    ['b', 700],
    ['c', 300],
  ] as const) {
    await manager.admit(podOf(uid, [{ memory }]), { alive: new Set(['a', 'b', 'c']), running: new Set() });
  }
  const found = (await file.read(() => {})) as MemoryState;
  assert.equal(had(found.entries, 'b'), 'c0=1:memory:700');
  const taken = takeOverMemory(
    found,
    'Static',
    freshMachine(nodesOf(1), new Map([[0, new Map([['memory', 400n * mebi]])]])),
  );
  assert.equal(taken.reset, false);
  assert.deepEqual([...taken.state.entries.keys()], ['a']);
  const said = taken.explanations.join('\n');
  for (const words of [
    /the expected machine state is different from the real one: .*NUMA node 0, memory: systemReserved 104857600 in the file, 419430400 here/,
    /NUMA node 1 is not on the machine/,
    /\(pod: b, container: c0\) the memory assignment uses the NUMA that does not exist: it gets memory anew/,
    /\(pod: c, container: c0\) 314572800 bytes of memory are not free on NUMA nodes 0/,
  ]) {
    assert.match(said, words);
  }
  const other = takeOverMemory(found, 'None', new Map());
  assert.equal(other.reset, true);
  assert.match(
    other.explanations.join(),
    /policy "Static", here it is "None": memory of 3 pods is not taken over/,
  );
  const lost = takeOverMemory(
    { ...found, machine: new Map() },
    'Static',
    freshMachine(nodesOf(2), new Map()),
  );
  assert.match(lost.explanations.join(), /machine state can not be empty when it has memory assignments/);
  assert.equal(lost.state.entries.size, 3);
});
