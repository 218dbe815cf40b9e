import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { LinuxContainerResourcesSchema } from '../../gen/cri/v1/api_pb.ts';
import { ociResources } from './container-resources.ts';

const wanted = create(LinuxContainerResourcesSchema, {
  ...{ cpuShares: 512n, cpuQuota: -1n, cpuPeriod: 100_000n, cpusetCpus: '0-1', cpusetMems: '0' },
  ...{ memoryLimitInBytes: 1n << 30n, memorySwapLimitInBytes: 1n << 31n },
  hugepageLimits: [
    { pageSize: '2MB', limit: 0n },
    { pageSize: '1GB', limit: 1n << 30n },
  ],
  unified: { 'memory.high': '100', 'io.weight': 'default 10' },
});

test('ociResources translates every limit where all controllers are there', () => {
  const all = new Set(['cpu', 'cpuset', 'memory', 'hugetlb', 'io', 'pids']);
  assert.deepEqual(ociResources(wanted, all), {
    resources: {
      cpu: { shares: 512, quota: -1, period: 100_000, cpus: '0-1', mems: '0' },
      memory: { limit: 1 << 30, swap: 2 ** 31 },
      hugepageLimits: [{ pageSize: '1GB', limit: 1 << 30 }],
      unified: { 'memory.high': '100', 'io.weight': 'default 10' },
    },
    notes: [],
  });
});

test('ociResources leaves out and names each limit whose controller is missing', () => {
  const { resources, notes } = ociResources(wanted, new Set(['cpuset', 'io']));
  assert.deepEqual(resources, {
    cpu: { cpus: '0-1', mems: '0' },
    unified: { 'io.weight': 'default 10' },
  });
  const missing = 'not applied: this machine has no cgroup controller';
  assert.deepEqual(notes, [
    `cpu.shares=512, cpu.quota=-1, cpu.period=100000 ${missing} "cpu"`,
    `memory.limit=1073741824, memory.swap=2147483648 ${missing} "memory"`,
    `hugepages.1GB=1073741824 ${missing} "hugetlb"`,
    `memory.high=100 ${missing} "memory"`,
  ]);
});

test('ociResources asks nothing of a container without limits', () => {
  const nothing = { resources: {}, notes: [] };
  assert.deepEqual(ociResources(undefined, new Set()), nothing);
  assert.deepEqual(ociResources(create(LinuxContainerResourcesSchema), new Set()), nothing);
});
