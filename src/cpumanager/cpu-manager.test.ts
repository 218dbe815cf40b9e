import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { seeded } from '../checkpointmanager/random-value.ts';
import { messageOf } from '../errors/coded-error.ts';
import { cpuManager } from '../kubeletstate/cpu-manager.ts';
import { formatCpuSet, parseCpuSet } from '../kubeletstate/cpuset.ts';
import type { Pod } from '../pods/pod.ts';
import { CpuManager } from './cpu-manager.ts';
import { type CpuAssignments, CpuStateFile } from './cpu-state.ts';
import { takeOver } from './take-over.ts';
import { type CpuPlace, chooseCpus } from './topology.ts';

/** Two sockets of four cores with two threads each, numbered as the kernel does. */
const places: CpuPlace[] = Array.from({ length: 16 }, (_, cpu) => ({
  cpu,
  socket: Math.floor((cpu % 8) / 4),
  core: `${Math.floor((cpu % 8) / 4)}/${cpu % 8}`,
}));
const online = places.map(({ cpu }) => cpu);
const reserved = [0];

function podOf(uid: string, cpus: readonly (number | string)[], init: readonly number[] = []): Pod {
  const container = (cpu: number | string, name: string) => ({
    ...{ name, image: 'i' },
    resources: { limits: { cpu: String(cpu), memory: '1Mi' } },
  });
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: uid, namespace: 'd', uid } },
    spec: {
      containers: cpus.map((cpu, index) => container(cpu, `c${index}`)),
      initContainers: init.map((cpu, index) => container(cpu, `i${index}`)),
    },
  };
}

type Fault = 'none' | 'before' | 'after';

/** A manager over a real file; a fault is the end of the process before or after the file is in place. */
async function open(directory: string, fault: () => Fault = () => 'none') {
  const file = await CpuStateFile.open(directory);
  const { assignments, explanations } = takeOver(await file.read(() => {}), 'static', online, {
    exclusive: reserved,
    shared: [],
  });
  const manager = new CpuManager({
    ...{ places, reserved, strictReservation: false, fullCores: false, assignments },
    async write(next) {
      const now = fault();
      if (now === 'before') throw new Error('killed');
      await file.write(next);
      if (now === 'after') throw new Error('killed');
    },
    changed: () => {},
  });
  return { manager, explanations, file };
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'cpus-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const facts = (...alive: string[]) => ({ alive: new Set(alive), running: new Set<string>() });
const owned = ({ owned: all }: CpuAssignments, uid: string) =>
  [...(all.get(uid) ?? [])]
    .map(([name, cpus]) => `${name}=${formatCpuSet(cpus)}`)
    .sort()
    .join(' ');

test('CpuManager gives whole cores first, never reserved ones, and shares the rest', async (t) => {
  const { manager } = await open(folder(t));
  await manager.admit(podOf('a', [2, '500m', 3]), facts('a'));
  assert.equal(
    owned(manager.assignments, 'a'),
    'c0=1,9 c2=2,8,10',
    'the other thread of the reserved core is used up',
  );
  assert.equal((await manager.grant(podOf('a', [2]), { name: 'c0', image: 'i' })).cpusetCpus, '1,9');
  assert.equal((await manager.grant(podOf('a', [2]), { name: 'c1', image: 'i' })).cpusetCpus, '0,3-7,11-15');
  await manager.admit(podOf('b', [8]), facts('a', 'b'));
  assert.equal(owned(manager.assignments, 'b'), 'c0=4-7,12-15', 'a whole socket');
  await assert.rejects(
    manager.admit(podOf('c', [3]), facts('a', 'b', 'c')),
    /not enough cpus available to satisfy request: requested=3, available=2/,
  );
  assert.equal(owned(manager.assignments, 'c'), '');
  await manager.release('b');
  await manager.admit(podOf('c', [3]), facts('a', 'c'));
  assert.deepEqual(manager.assignments.shared.includes(0), true);
});

test('CpuManager gives CPUs of init containers to those that come after', async (t) => {
  const { manager } = await open(folder(t));
  await manager.admit(podOf('a', [2, 2], [4]), facts('a'));
  const [init, first, second] = ['i0', 'c0', 'c1'].map((name) => manager.cpusetOf('a', name) ?? []);
  assert.equal(init?.length, 4);
  assert.deepEqual(
    [...(first ?? []), ...(second ?? [])].sort((a, b) => a - b),
    init,
  );
});

test('only Guaranteed pods with whole numbers get CPUs for themselves', async (t) => {
  const { manager } = await open(folder(t));
  const burstable = podOf('a', [2]);
  burstable.spec.containers[0] = {
    name: 'c0',
    image: 'i',
    resources: { requests: { cpu: '2', memory: '1Mi' } },
  };
  await manager.admit(burstable, facts('a'));
  await manager.admit(podOf('b', ['1500m']), facts('a', 'b'));
  assert.equal(manager.assignments.owned.size, 0);
});

test('the file is the one of the kubelet: version 2 is written, version 3 read', async (t) => {
  const path = folder(t);
  const { manager } = await open(path);
  await manager.admit(podOf('a', [2]), facts('a'));
  const bytes = readFileSync(join(path, 'cpu_manager_state'));
  assert.ok(cpuManager.inspect(bytes).find(({ version }) => version === 'v2')?.valid);
  assert.deepEqual(JSON.parse(bytes.toString()).entries, { a: { c0: '1,9' } });
  const newer = cpuManager.migrate(cpuManager.decode(bytes), 'v3', 'v3').value;
  writeFileSync(join(path, 'cpu_manager_state'), cpuManager.encode(newer, 'v3'));
  assert.equal(owned((await open(path)).manager.assignments, 'a'), 'c0=1,9');
});

test('takeOver explains what does not fit and keeps what can be kept', () => {
  const found = {
    policy: 'static',
    shared: parseCpuSet('0-3'),
    owned: new Map([
      ['a', new Map([['c', parseCpuSet('4-5')]])],
      ['b', new Map([['c', parseCpuSet('5-6')]])],
      ['gone', new Map([['c', parseCpuSet('99')]])],
    ]),
  };
  const barred = { exclusive: [4], shared: [] };
  const { assignments, explanations, reset } = takeOver(found, 'static', parseCpuSet('0-7'), barred);
  assert.equal(reset, false);
  assert.equal(owned(assignments, 'a'), 'c=4-5');
  assert.equal(owned(assignments, 'b'), 'c=6');
  assert.equal(assignments.owned.has('gone'), false);
  assert.equal(formatCpuSet(assignments.shared), '0-3,7');
  const said = explanations.join('\n');
  for (const words of [
    /CPUs 5 of b\/c belong to another pod/,
    /gone\/c had CPUs 99, which this machine/,
    /a\/c has CPUs 4, which are reserved now/,
  ]) {
    assert.match(said, words);
  }
  const other = takeOver(found, 'none', parseCpuSet('0-7'), barred);
  assert.equal(other.reset, true);
  assert.match(
    other.explanations[0] ?? '',
    /policy "static", the configuration says "none": CPUs of 3 containers/,
  );
});

test('chooseCpus takes exactly as many as are wanted, of those that are free, for every number', () => {
  const random = seeded(7);
  for (let round = 0; round < 2000; round++) {
    const free = online.filter(() => random() < 0.66);
    const count = Math.floor(random() * 17);
    const chosen = chooseCpus(places, free, count);
    if (count > free.length) assert.equal(chosen, undefined);
    else {
      assert.equal(new Set(chosen).size, count);
      assert.ok(chosen?.every((cpu) => free.includes(cpu)));
    }
  }
});

/** What must be true whatever happened, of the memory and of the file. */
function holds(assignments: CpuAssignments, model: ReadonlyMap<string, string>): void {
  const owners = new Map<number, string>();
  for (const [uid, containers] of assignments.owned) {
    for (const cpu of new Set([...containers.values()].flat())) {
      assert.ok(!owners.has(cpu), `CPU ${cpu} belongs to ${owners.get(cpu)} and ${uid}`);
      assert.ok(!reserved.includes(cpu), `CPU ${cpu} is reserved`);
      owners.set(cpu, uid);
    }
  }
  const all = [...owners.keys(), ...assignments.shared].sort((a, b) => a - b);
  assert.deepEqual(all, online, 'each CPU has one owner or is shared');
  for (const [uid, cpus] of model)
    assert.equal(owned(assignments, uid), cpus, `what ${uid} was given is remembered`);
}

test('over thousands of steps, killed between any two, no CPU is owned twice and nothing given is forgotten', async (t) => {
  for (const seed of [1, 2, 3, 4]) {
    const path = folder(t);
    const random = seeded(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    let fault: Fault = 'none';
    let { manager } = await open(path, () => fault);
    const model = new Map<string, string>();
    let pods = 0;
    for (let step = 0; step < 750; step++) {
      fault = (['none', 'none', 'none', 'before', 'after'] as const)[below(5)] ?? 'none';
      const [victim] = [...model.keys()].slice(below(Math.max(1, model.size)));
      let killed = false;
      try {
        if (below(2) === 0 || !victim) {
          const uid = `p${pods++}`;
          const pod = podOf(
            uid,
            Array.from({ length: 1 + below(3) }, () => below(4)),
            below(3) === 0 ? [below(4)] : [],
          );
          await manager.admit(pod, facts(uid, ...model.keys()));
          model.set(uid, owned(manager.assignments, uid));
        } else if (below(3) === 0) {
          // Asked again, as after a restart: it keeps what it has.
          await manager.admit(podOf(victim, [1]), facts(...model.keys())).catch((error) => {
            if (messageOf(error) === 'killed') throw error;
          });
        } else {
          model.delete(victim);
          await manager.release(victim);
        }
      } catch (error) {
        killed = messageOf(error) === 'killed';
        if (!killed) assert.match(messageOf(error), /not enough cpus available/);
      }
      if (killed || below(20) === 0) {
        // The process is gone; what it had in memory with it.
        const next = await open(path, () => fault);
        assert.deepEqual(next.explanations, []);
        manager = next.manager;
        if (killed) {
          // A release that was cut off may have happened or not; an admission that was not answered is nobody's.
          for (const uid of manager.assignments.owned.keys()) {
            fault = 'none';
            if (!model.has(uid)) await manager.release(uid);
          }
        }
      }
      if (victim && model.has(victim)) {
        // Asked again it may have got more, and whether it has is open where it was killed; never less.
        const [was, is] = [model.get(victim) ?? '', owned(manager.assignments, victim)];
        for (const one of was.split(' ')) assert.ok(is.includes(one), `${victim} had ${one} and has ${is}`);
        model.set(victim, is);
      }
      holds(manager.assignments, model);
    }
    const { assignments } = (await open(path)).manager;
    holds(assignments, model);
  }
});
