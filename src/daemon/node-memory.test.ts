import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { memoryManager } from '../kubeletstate/memory-manager.ts';
import { machineFacts } from '../localfs/machine-facts.ts';
import { memorySettingsOf } from './memory-settings.ts';
import { openNodeMemory } from './node-memory.ts';

function folder(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'memory-'));
  t.after(() => rmSync(root, { recursive: true }));
  return { root, path: join(root, 'memory_manager_state') };
}

function listening() {
  const lines: string[] = [];
  return { lines, log: (level: string, message: string) => lines.push(`${level} ${message}`) };
}

const none = memorySettingsOf({});
const staticOn = (numaNode: number) =>
  memorySettingsOf({
    memoryManagerPolicy: 'Static',
    reservedMemory: [{ numaNode, limits: { memory: '100Mi' } }],
  });

test('openNodeMemory writes the file of a node without the policy, and explains and keeps another one', async (t) => {
  const { root, path } = folder(t);
  const { lines, log } = listening();
  await openNodeMemory(root, none, log);
  assert.equal(memoryManager.decode(readFileSync(path)).PolicyName, 'None');
  await openNodeMemory(root, none, log);
  assert.deepEqual(lines, []);
  const other = {
    ...{ PolicyName: 'Static', MachineState: new Map(), PodEntries: new Map(), Checksum: 0n },
    Entries: new Map([['uid', new Map()]]),
  };
  writeFileSync(path, memoryManager.encode(other));
  await openNodeMemory(root, none, log);
  const [why = '', where = ''] = lines.splice(0);
  assert.match(why, /policy "Static", here it is "None": memory of 1 pods is not taken over/);
  assert.match(where, /memory_manager_state\.reset-/);
  writeFileSync(path, '{"policyName": "None", "checksum": 1}');
  await openNodeMemory(root, none, log);
  assert.match(lines.join(), /checkpoint is corrupted; it is kept as .*corrupt-/);
  assert.equal(memoryManager.decode(readFileSync(path)).PolicyName, 'None');
  assert.equal(readdirSync(root).filter((name) => name.startsWith('memory_manager_state.')).length, 2);
});

test('openNodeMemory says what memory a whole pod loses, and sets a file of None aside for Static', async (t) => {
  const nodes = (await machineFacts()).numaNodes;
  const [first] = nodes ?? [];
  if (!first) return t.skip('no NUMA nodes');
  const { root, path } = folder(t);
  const { lines, log } = listening();
  await openNodeMemory(root, none, log);
  const { served } = await openNodeMemory(root, staticOn(first.id), log);
  assert.match(lines.splice(0).join('\n'), /policy "None", here it is "Static"/);
  assert.ok(
    served
      .allocatableMemory()
      .some(({ type, nodes: [node] }) => type === 'memory' && node === BigInt(first.id)),
  );
  const state = memoryManager.decode(readFileSync(path));
  const whole = { MemoryBlocks: [{ NUMAAffinity: [BigInt(first.id)], Type: 'memory', Size: 1n }] };
  writeFileSync(path, memoryManager.encode({ ...state, PodEntries: new Map([['uid', whole]]) }, 'v2'));
  await openNodeMemory(root, staticOn(first.id), log);
  assert.match(lines.join('\n'), /memory of pod uid as a whole is not taken over/);
});

test('openNodeMemory leaves the file alone where the configuration does not fit the machine', async (t) => {
  if (!(await machineFacts()).numaNodes) return t.skip('no NUMA nodes');
  const { root, path } = folder(t);
  const { lines, log } = listening();
  writeFileSync(path, 'untouched');
  const { resources, served } = await openNodeMemory(root, staticOn(1023), log);
  assert.match(
    lines.join('\n'),
    /^error no memory of NUMA nodes is given to containers: the reserved memory configuration references a NUMA node 1023 that does not exist/,
  );
  assert.equal(readFileSync(path, 'utf8'), 'untouched');
  assert.deepEqual(served.allocatableMemory(), []);
  await resources.release('uid');
});
