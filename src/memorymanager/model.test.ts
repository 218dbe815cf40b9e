import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Random, seeded } from '../checkpointmanager/random-value.ts';
import { messageOf } from '../errors/coded-error.ts';
import { memoryManager } from '../kubeletstate/memory-manager.ts';
import { reviewMemory } from '../kubeletstate/review-memory.ts';
import type { MemoryEntries } from './machine.ts';
import { type Fault, had, mebi, nodesOf, openManager, podOf, type Wanted } from './synthetic.ts';

/** What a node of the synthetic machine has to give, in MiB; written down here, not computed by what is tested. */
const capacity: Record<string, bigint> = { memory: 800n, 'hugepages-2Mi': 100n };

/** Group of nodes → resource → MiB given. No node is in two groups. */
function usage(entries: MemoryEntries): Map<string, Record<string, bigint>> {
  const groups = new Map<string, Record<string, bigint>>();
  for (const { NUMAAffinity, Type, Size } of [...entries.values()].flatMap((all) =>
    [...all.values()].flat(),
  )) {
    const key = NUMAAffinity?.join('+') ?? '';
    const used = groups.get(key) ?? {};
    used[Type] = (used[Type] ?? 0n) + Size / mebi;
    groups.set(key, used);
  }
  const nodes = [...groups.keys()].flatMap((key) => key.split('+'));
  assert.equal(new Set(nodes).size, nodes.length, `a node is in two groups: ${[...groups.keys()].join(' ')}`);
  return groups;
}

/** How many nodes a container needs at least, by trying every group; 0 where no group has it. */
function fewest(count: number, groups: ReturnType<typeof usage>, { memory, pages = 0 }: Wanted): number {
  let best = 0;
  for (let mask = 1; mask < 1 << count; mask++) {
    const nodes = Array.from({ length: count }, (_, id) => id).filter((id) => (mask >> id) & 1);
    const key = nodes.join('+');
    const others = [...groups.keys()].filter((other) => other !== key).flatMap((other) => other.split('+'));
    if (nodes.some((id) => others.includes(String(id)))) continue;
    const left = (type: string) =>
      (capacity[type] ?? 0n) * BigInt(nodes.length) - (groups.get(key)?.[type] ?? 0n);
    if (left('memory') < BigInt(memory) || left('hugepages-2Mi') < BigInt(pages)) continue;
    if (best === 0 || nodes.length < best) best = nodes.length;
  }
  return best;
}

/** What must be true whatever happened, of the memory and of the file. */
function holds(
  path: string,
  count: number,
  entries: MemoryEntries,
  model: ReadonlyMap<string, string>,
): void {
  for (const [key, used] of usage(entries)) {
    for (const [type, size] of Object.entries(used)) {
      const most = (capacity[type] ?? 0n) * BigInt(key.split('+').length);
      assert.ok(size <= most, `nodes ${key} give ${size} of ${most} MiB of ${type}`);
    }
  }
  for (const [uid, blocks] of model)
    assert.equal(had(entries, uid), blocks, `what ${uid} was given is remembered`);
  const state = memoryManager.decode(readFileSync(join(path, 'memory_manager_state')));
  assert.deepEqual(reviewMemory(state, { numaNodes: nodesOf(count) }), [], 'a kubelet starts with the file');
}

function somePod(uid: string, below: (limit: number) => number) {
  const wanted = (): Wanted => ({
    memory: 1 + below(below(4) === 0 ? 1500 : 300),
    pages: below(4) === 0 ? 20 : 0,
  });
  const list = (length: number) => Array.from({ length }, wanted);
  const [containers, init] = [list(1 + below(3)), list(below(3) === 0 ? 1 + below(2) : 0)];
  const only = containers.length + init.length === 1 ? containers[0] : undefined;
  return { pod: podOf(uid, containers, init), only };
}

async function walk(path: string, count: number, random: Random): Promise<number> {
  const below = (limit: number) => Math.floor(random() * limit);
  const facts = (...alive: string[]) => ({ alive: new Set(alive), running: new Set<string>() });
  let fault: Fault = 'none';
  const reopen = async () => {
    const opened = await openManager(path, nodesOf(count), () => fault);
    assert.deepEqual(opened.explanations, []);
    return opened.manager;
  };
  let manager = await reopen();
  await manager.admit(podOf('first', [{ memory: 1 }]), facts('first'));
  const model = new Map([['first', had(manager.entries, 'first')]]);
  let refused = 0;
  for (let step = 0; step < 700; step++) {
    fault = (['none', 'none', 'none', 'before', 'after'] as const)[below(5)] ?? 'none';
    const victim = [...model.keys()][below(model.size)];
    let killed = false;
    try {
      if (below(5) < 3 || !victim) {
        const { pod, only } = somePod(`p${step}`, below);
        const { uid } = pod.metadata;
        const least = only && fewest(count, usage(manager.entries), only);
        const admitted = manager.admit(pod, facts(uid, ...model.keys()));
        if (least === 0) await assert.rejects(admitted, /no NUMA nodes with enough memory/);
        await admitted;
        model.set(uid, had(manager.entries, uid));
        const nodes = manager.entries.get(uid)?.get('c0')?.[0]?.NUMAAffinity?.length;
        if (least) assert.equal(nodes, least, 'no smaller group has it');
      } else if (below(3) === 0) {
        // Asked again, as after a restart: it keeps what it has.
        await manager.admit(podOf(victim, [{ memory: 5000 }]), facts(...model.keys()));
      } else {
        model.delete(victim);
        await manager.release(victim);
      }
    } catch (error) {
      killed = messageOf(error) === 'killed';
      if (!killed) assert.match(messageOf(error), /no NUMA nodes with enough memory/);
      if (!killed) refused++;
    }
    if (killed || below(20) === 0) {
      // The process is gone; what it had in memory with it. What was not answered is nobody's.
      manager = await reopen();
      fault = 'none';
      for (const uid of [...manager.entries.keys()]) if (!model.has(uid)) await manager.release(uid);
    }
    holds(path, count, manager.entries, model);
  }
  holds(path, count, (await reopen()).entries, model);
  return refused;
}

for (const count of [1, 2, 4]) {
  test(`over thousands of steps on ${count} NUMA nodes, killed between any two, none is over-committed and nothing given is forgotten`, async (t) => {
    for (const seed of [1, 2, 3]) {
      const path = mkdtempSync(join(tmpdir(), 'memory-'));
      t.after(() => rmSync(path, { recursive: true }));
      const refused = await walk(path, count, seeded(seed * 10 + count));
      assert.ok(refused > 20, `only ${refused} pods found too little`);
    }
  });
}
