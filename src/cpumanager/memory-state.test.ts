import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { memoryManager } from '../kubeletstate/memory-manager.ts';
import { keepMemoryState } from './memory-state.ts';

test('keepMemoryState writes the file of a node without the policy, and explains and keeps another one', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'memory-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'memory_manager_state');
  assert.deepEqual(await keepMemoryState(folder), []);
  assert.equal(memoryManager.decode(readFileSync(path)).PolicyName, 'None');
  assert.deepEqual(await keepMemoryState(folder), []);
  const other = {
    ...{ PolicyName: 'Static', MachineState: new Map(), PodEntries: new Map(), Checksum: 0n },
    Entries: new Map([['uid', new Map()]]),
  };
  writeFileSync(path, memoryManager.encode(other));
  const [why = '', where = ''] = await keepMemoryState(folder);
  assert.match(why, /policy "Static", here it is "None": memory of 1 pods is not taken over/);
  assert.match(where, /memory_manager_state\.reset-/);
  writeFileSync(path, '{"policyName": "None", "checksum": 1}');
  assert.match(
    (await keepMemoryState(folder)).join(),
    /checkpoint is corrupted,the file is kept as .*corrupt-/,
  );
  assert.equal(memoryManager.decode(readFileSync(path)).PolicyName, 'None');
  assert.equal(readdirSync(folder).filter((name) => name.startsWith('memory_manager_state.')).length, 2);
});
