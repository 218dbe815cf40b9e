import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { folderFor } from '../../test/runtime.ts';
import { machineFacts } from './machine-facts.ts';

test('machineFacts reads CPUs, memory and huge pages of each NUMA node, and the boot', async (t) => {
  const root = folderFor(t, 'machine');
  const node = 'sys/devices/system/node';
  const files: Record<string, string> = {
    'sys/devices/system/cpu/online': '0-3,8\n',
    'proc/sys/kernel/random/boot_id': '7c1f\n',
    'proc/stat': 'cpu 1 2\nbtime 1700000000\n',
    [`${node}/online`]: '0,10\n',
    [`${node}/node10/cpulist`]: '8\n',
    [`${node}/node10/meminfo`]: 'Node 10 MemTotal:        2048 kB\n',
    [`${node}/node0/cpulist`]: '0-3\n',
    [`${node}/node0/meminfo`]: 'Node 0 MemTotal:        1024 kB\nNode 0 MemFree: 1 kB\n',
    [`${node}/node0/hugepages/hugepages-2048kB/nr_hugepages`]: '3\n',
    [`${node}/node0/hugepages/hugepages-1048576kB/nr_hugepages`]: '0\n',
    [`${node}/node0/hugepages/hugepages-64kB/nr_hugepages`]: '1\n',
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const { numaNodes, ...facts } = await machineFacts(root);
  assert.deepEqual(facts, { onlineCpus: [0, 1, 2, 3, 8], bootId: '7c1f', bootTime: 1_700_000_000_000 });
  assert.deepEqual(
    numaNodes?.map(({ id, cpus }) => [id, cpus]),
    [
      [0, [0, 1, 2, 3]],
      [10, [8]],
    ],
  );
  assert.deepEqual(
    numaNodes?.[0]?.memory,
    new Map([
      ['memory', 1_048_576n],
      ['hugepages-2Mi', 6_291_456n],
      ['hugepages-1Gi', 0n],
      ['hugepages-64Ki', 65_536n],
    ]),
  );
});

test('machineFacts knows this machine, and nothing of a folder that is none', async (t) => {
  assert.equal((await machineFacts()).bootId, readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  assert.deepEqual(await machineFacts(folderFor(t, 'empty')), {});
});
