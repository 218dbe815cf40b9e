import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshMachine } from './machine.ts';
import { type Reservations, reservedMemory } from './reserved.ts';
import { mebi, nodesOf } from './synthetic.ts';

const machine = { nodes: nodesOf(2), total: 2000 * Number(mebi) };
const item = (node: number, resource: string, mib: bigint) => ({ node, resource, size: mib * mebi });
const reservations = (listed: Reservations['listed'], eviction: Reservations['eviction'] = 100n * mebi) => ({
  ...{ listed, eviction },
  node: new Map([
    ['memory', 500n * mebi],
    ['cpu', 1n],
  ]),
});

test('reservedMemory takes a list whose sum is what is kept for the system and from eviction', () => {
  const found = reservedMemory(reservations([item(0, 'memory', 400n), item(1, 'memory', 200n)]), machine);
  assert.equal(found.get(1)?.get('memory'), 200n * mebi);
  // 5 per cent of 2000 MiB, and the byte that is due to the kubelet's float32.
  const whole = { ...item(0, 'memory', 600n), size: 600n * mebi + 1n };
  const part = reservations([whole], { part: 0.05 });
  assert.equal(reservedMemory(part, machine).get(0)?.get('memory'), whole.size);
  reservedMemory(reservations([item(0, 'memory', 1n)], { part: 0.05 }));
});

test('reservedMemory refuses what a kubelet refuses, in its words', () => {
  const whole = item(0, 'memory', 600n);
  for (const [listed, words] of [
    [
      [item(0, 'memory', 500n)],
      /^the total amount "500Mi" of type "memory" is not equal to the value "600Mi" determined by Node Allocatable feature$/,
    ],
    [[], /^the total amount "0" of type "memory"/],
    [[whole, item(0, 'hugepages-2Mi', 2n)], /"2Mi" of type "hugepages-2Mi" is not equal to the value "0"/],
    [[whole, whole], /duplicate value for NUMA node 0 and resource "memory"/],
    [[item(0, 'memory', 0n)], /may not be zero for NUMA node 0/],
    [[item(0, 'cpu', 1n)], /the limit type "cpu" for NUMA node 0 is not supported/],
    [[item(7, 'memory', 600n)], /references a NUMA node 7 that does not exist on this machine/],
  ] as const) {
    assert.throws(() => reservedMemory(reservations(listed), machine), { message: words });
  }
  assert.throws(() => reservedMemory({ listed: [], node: new Map(), eviction: 0n }), {
    message: /you should specify the system reserved memory/,
  });
  assert.throws(() => freshMachine(nodesOf(1), new Map([[0, new Map([['memory', 901n * mebi]])]])), {
    message: /944766976 bytes of memory are reserved on NUMA node 0, which has 943718400/,
  });
});
