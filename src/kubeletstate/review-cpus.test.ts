import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CpuManagerState } from './cpu-manager.ts';
import { goCpuSet, parseCpuSet } from './cpuset.ts';
import type { ContainerResources, NodeFacts } from './node-facts.ts';
import { reviewCpus } from './review-cpus.ts';
import { shrinkCpus } from './shrink-cpus.ts';

function state(shared: string, entries: Record<string, Record<string, string>>, pods = {}): CpuManagerState {
  return {
    PolicyName: 'static',
    DefaultCPUSet: shared,
    Entries: new Map(Object.entries(entries).map(([pod, all]) => [pod, new Map(Object.entries(all))])),
    PodEntries: new Map(
      Object.entries(pods).map(([pod, cpus]) => [pod, { CPUSet: goCpuSet(parseCpuSet(String(cpus))) }]),
    ),
    Checksum: 0n,
  };
}

/** The pod `uid-1` is `ns/web`, and the kubelet says these CPUs of its containers. */
function served(containers: Record<string, string>): NodeFacts {
  const resources = Object.entries(containers).map(([name, cpus]): [string, ContainerResources] => [
    `ns/web/${name}`,
    { cpus: parseCpuSet(cpus), devices: new Map() },
  ]);
  return {
    pods: new Map([
      ['uid-1', { namespace: 'ns', name: 'web' }],
      ['uid-2', {}],
    ]),
    containerResources: new Map(resources),
  };
}

describe('reviewCpus against PodResources', () => {
  const file = state('0-1', { 'uid-1': { app: '2-3', init: '4' } });

  it('finds nothing where both say the same, nor of containers that the kubelet no longer has', () => {
    assert.deepEqual(reviewCpus(file, served({ app: '2-3' })), []);
    assert.deepEqual(reviewCpus(file, served({ app: '2-3', other: '' })), []);
    assert.deepEqual(reviewCpus(file, served({ app: '2-3', other: '0-1' })), [], 'the shared CPUs');
  });

  it('says both when they differ, in either direction', () => {
    const findings = reviewCpus(file, served({ app: '2', other: '7' }));
    assert.deepEqual(
      findings.map(({ code, message }) => [code, message]),
      [
        ['cpus-differ-from-kubelet', 'ns/web/app has CPUs 2-3 of its own in the file; the kubelet says 2'],
        ['cpus-differ-from-kubelet', 'ns/web/other has CPUs none of its own in the file; the kubelet says 7'],
      ],
    );
  });

  it('does not guess who shares the CPUs of a pod', () => {
    assert.deepEqual(reviewCpus(state('0-1', {}, { 'uid-1': '2-3' }), served({ app: '2' })), []);
  });
});

describe('shrinkCpus', () => {
  const shrunk = (before: CpuManagerState, online: string, config?: NodeFacts['config']) =>
    shrinkCpus(before, parseCpuSet(online), config);

  it('takes offline CPUs from containers and from what is shared, and shares new ones', () => {
    const { state: after, starved } = shrunk(state('0-1,4', { pod: { a: '2-3', b: '5' } }), '0-2,5-7');
    assert.deepEqual(starved, []);
    assert.deepEqual(after, state('0-1,6-7', { pod: { a: '2', b: '5' } }));
  });

  it('changes nothing where all fits, also with CPUs of whole pods', () => {
    const fits = state('0-1', { pod: { a: '2' } }, { whole: '3' });
    assert.deepEqual(shrunk(fits, '0-3'), { state: undefined, starved: [] });
    assert.deepEqual(shrunk(fits, '0-4').state, state('0-1,4', { pod: { a: '2' } }, { whole: '3' }));
    assert.deepEqual(shrunk({ ...fits, PolicyName: 'none' }, '0'), { state: undefined, starved: [] });
  });

  it('names who would be left without a CPU, and then changes nothing', () => {
    const file = state('0', { pod: { a: '1', b: '2' } }, { whole: '3' });
    assert.deepEqual(shrunk(file, '0-1'), { state: undefined, starved: ['pod/b', 'whole'] });
  });

  it('leaves strictly reserved CPUs out of what is shared', () => {
    const config = {
      cpuManagerPolicy: 'static',
      memoryManagerPolicy: 'None',
      reservedCpus: [0, 1],
      strictReservation: true,
      featureGates: new Set<string>(),
    };
    assert.equal(shrunk(state('2-3', {}), '0-5', config).state?.DefaultCPUSet, '2-5');
  });
});
