import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ContainerGrant, joinGrants, nothingGranted } from './container-grant.ts';
import { containerConfig } from './cri-config.ts';
import { environmentOf } from './environment.ts';
import { decodePod } from './manifest.ts';

const gpu: ContainerGrant = {
  envs: { SHARED: 'gpu', GPU: '1' },
  mounts: [{ containerPath: '/usr/lib/gpu', hostPath: '/opt/gpu', readOnly: true }],
  devices: [{ containerPath: '/dev/gpu0', hostPath: '/dev/gpu0', permissions: 'rw' }],
  annotations: { note: 'gpu' },
  cdiDevices: ['vendor.com/gpu=0'],
};

test('joinGrants keeps what came first and tells of what differs', () => {
  const told: string[] = [];
  const second: ContainerGrant = {
    envs: { SHARED: 'nic', GPU: '1', NIC: '1' },
    mounts: [
      { containerPath: '/usr/lib/gpu', hostPath: '/opt/other', readOnly: false },
      { containerPath: '/usr/lib/nic', hostPath: '/opt/nic', readOnly: false },
    ],
    devices: [{ containerPath: '/dev/gpu0', hostPath: '/dev/gpu0', permissions: 'r' }],
    annotations: { note: 'nic' },
    cdiDevices: ['vendor.com/gpu=0', 'vendor.com/nic=1'],
    cpusetCpus: '2-3',
  };
  const both = joinGrants(gpu, second, (what) => told.push(what));
  assert.deepEqual(both, {
    envs: { SHARED: 'gpu', GPU: '1', NIC: '1' },
    mounts: [gpu.mounts[0], second.mounts[1]],
    devices: gpu.devices,
    annotations: { note: 'gpu' },
    cdiDevices: ['vendor.com/gpu=0', 'vendor.com/nic=1'],
    cpusetCpus: '2-3',
    cpusetMems: '',
  });
  assert.deepEqual(told, ['variable SHARED', 'annotation note', 'mount /usr/lib/gpu']);
});

test('containerConfig puts a grant into what the runtime is asked for, and the pod’s own words win', () => {
  const container = {
    name: 'main',
    image: 'x',
    env: [
      { name: 'SHARED', value: 'own' },
      { name: 'COPY', value: '$(GPU)' },
    ],
  };
  const pod = decodePod(
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [container] } },
    { file: 'p.yaml', node: 'n' },
  );
  const grant = { ...gpu, cpusetCpus: '2-3', cpusetMems: '0' };
  const place = { nodeName: 'n', hostIP: '', podIP: '', capacity: { cpu: 1, memory: 1 } };
  const variables = environmentOf(pod, container, [], place);
  const config = containerConfig(pod, container, { restarts: 0, mounts: [], variables, grant });
  assert.deepEqual(
    config.envs.map(({ key, value }) => `${key}=${value}`),
    ['SHARED=own', 'GPU=1', 'COPY=$(GPU)'],
  );
  assert.deepEqual(
    config.mounts.map(({ containerPath, hostPath, readonly }) => [containerPath, hostPath, readonly]),
    [['/usr/lib/gpu', '/opt/gpu', true]],
  );
  assert.deepEqual(
    config.devices.map(({ containerPath, hostPath, permissions }) => [containerPath, hostPath, permissions]),
    [['/dev/gpu0', '/dev/gpu0', 'rw']],
  );
  assert.deepEqual(
    config.CDIDevices.map(({ name }) => name),
    ['vendor.com/gpu=0'],
  );
  assert.equal(config.annotations['note'], 'gpu');
  assert.equal(config.linux?.resources?.cpusetCpus, '2-3');
  assert.equal(config.linux?.resources?.cpusetMems, '0');
  const without = containerConfig(pod, container, {
    restarts: 0,
    mounts: [],
    variables,
    grant: nothingGranted,
  });
  assert.equal(without.linux?.resources?.cpusetCpus, '');
});

test('containerConfig names sizes of huge pages as the kernel does', () => {
  const limits = { memory: '1Gi', 'hugepages-2Mi': '4Mi', 'hugepages-1Gi': '1Gi', 'hugepages-64Ki': '128Ki' };
  const container = { name: 'main', image: 'x', resources: { limits } };
  const pod = decodePod(
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [container] } },
    { file: 'p.yaml', node: 'n' },
  );
  const config = containerConfig(pod, container, { restarts: 0, mounts: [], variables: new Map() });
  assert.deepEqual(
    config.linux?.resources?.hugepageLimits.map(({ pageSize, limit }) => [pageSize, limit]),
    [
      ['2MB', 4n << 20n],
      ['1GB', 1n << 30n],
      ['64KB', 128n << 10n],
    ],
  );
});
