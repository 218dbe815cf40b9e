import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { utf8 } from '../bytes/text.ts';
import { fnv32a } from '../checkpointmanager/checksum.ts';
import { encodeAs, see } from '../checkpointmanager/define.ts';
import { CorruptCheckpointError } from '../checkpointmanager/errors.ts';
import { podAllocation } from './allocation.ts';
import { cpuManager, cpuManagerKind } from './cpu-manager.ts';
import { criDockerd, dockershim, dockershimKind } from './dockershim.ts';
import { stateKinds } from './known-files.ts';
import { memoryManagerKind } from './memory-manager.ts';
import { acceptedBy, formatMinors, inspectState, judge, podLevelGate, type StateKind } from './state-kind.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/kubelet-state');

interface Example {
  kind: string;
  version: string;
  file: string;
  checksum: number;
  hashed?: string;
}
const examples: Example[] = JSON.parse(readFileSync(join(fixtures, 'checksums.json'), 'utf8'));

function kindOf(name: string): StateKind {
  const kind = stateKinds.find((each) => each.kind === name);
  assert.ok(kind, name);
  return kind;
}

describe('checksums', () => {
  examples.forEach((example, i) => {
    // Builds before 1.31 was released wrote a layout that no release ever read.
    if (example.version === '1.31-alpha') return;
    it(`are those of the real code: example ${i}, ${example.kind} ${example.version}`, () => {
      const version = kindOf(example.kind).definition.version(example.version);
      const seen = see(version, utf8(example.file));
      if (example.hashed) assert.equal(version.checksum.text?.(seen.file), example.hashed);
      assert.equal(seen.computed, BigInt(example.checksum));
      assert.equal(seen.stored, BigInt(example.checksum));
      const older = example.kind === 'pod-allocation' && example.file.includes('"container1\\":{\\"cpu');
      if (!older) assert.equal(seen.valid, true, seen.error?.message);
    });
  });

  it('differ between dockershim and cri-dockerd, whose files are alike', () => {
    const file = utf8('{"version":"v1","name":"n","namespace":"ns","data":{},"checksum":815459779}');
    assert.equal(see(dockershim.version('1.11'), file).valid, true);
    assert.equal(see(criDockerd.version('v1'), file).computed, 2305795928n);
  });
});

describe('files of a real kubelet', () => {
  for (const [name, kind] of [
    ['cpu_manager_state', 'cpu-manager'],
    ['memory_manager_state', 'memory-manager'],
    ['dra_manager_state', 'dra-manager'],
    ['allocated_pods_state', 'pod-allocation'],
    ['actuated_pods_state', 'pod-actuation'],
    ['device-plugins/kubelet_internal_checkpoint', 'device-manager'],
  ] as const) {
    it(`${name}: valid, accepted by 1.36, written again byte for byte`, () => {
      const bytes = readFileSync(join(fixtures, '1.36.2', name));
      const stateKind = kindOf(kind);
      const seen = inspectState(stateKind, bytes);
      assert.ok(acceptedBy(stateKind, seen).includes(36));
      const { version } = judge(stateKind, seen, 36, { path: name });
      const value = seen.find((each) => each.version === version)?.value;
      assert.deepEqual(Buffer.from(stateKind.definition.encode(value, version)), bytes);
    });
  }
});

describe('acceptedBy', () => {
  const accepted = (i: number, gates: string[] = []): string => {
    const example = examples[i] as Example;
    const kind = kindOf(example.kind);
    return formatMinors(acceptedBy(kind, inspectState(kind, utf8(example.file)), new Set(gates)));
  };
  const first = (kind: string, version: string): number =>
    examples.findIndex((each) => each.kind === kind && each.version === version);

  it('says which releases take a file', () => {
    const cases: readonly [string, string, string, string[]?][] = [
      ['cpu-manager', 'v1', '1.8–1.36'],
      ['cpu-manager', 'v2', '1.18–1.36'],
      ['cpu-manager', 'v3', 'none'],
      ['cpu-manager', 'v3', '1.36', [podLevelGate]],
      ['memory-manager', 'v1', '1.21–1.36'],
      ['memory-manager', 'v2', '1.36', [podLevelGate]],
      ['device-manager', 'v1', '1.8–1.19, 1.22–1.30'],
      ['dra-manager', '1.27', '1.27–1.30'],
      ['dra-manager', '1.30', '1.30'],
      ['dra-manager', '1.31', '1.31–1.36'],
    ];
    for (const [kind, version, minors, gates] of cases) {
      assert.equal(accepted(first(kind, version), gates), minors, `${kind} ${version}`);
    }
  });

  it('words the failure as the kubelet does', () => {
    const file = utf8('{"policyName":"static","defaultCpuSet":"0-3","checksum":1}');
    const seen = inspectState(cpuManagerKind, file);
    const path = '/var/lib/kubelet/cpu_manager_state';
    assert.deepEqual(judge(cpuManagerKind, seen, 31, { path }), {
      minor: 31,
      accepted: false,
      version: undefined,
      starts: false,
      message:
        'start cpu manager error: could not restore state from checkpoint: checkpoint is corrupted, please drain ' +
        'this node and delete the CPU manager checkpoint file "/var/lib/kubelet/cpu_manager_state" before ' +
        'restarting Kubelet',
    });
    assert.ok(seen.every((each) => each.error instanceof CorruptCheckpointError));
  });
});

describe('dockershim', () => {
  const file = utf8(
    '{"version":"v1","name":"n","namespace":"ns","data":{"port_mappings":[{"host_port":1}]},"checksum":1}',
  );
  const text = (name: string): string | undefined => {
    const version = dockershim.version(name);
    return version.checksum.text?.(see(version, file).file);
  };

  it('hashes the host address of a port since 1.20.3, and not before', () => {
    const mapping =
      '(dockershim.CheckpointData){PortMappings:([]*dockershim.PortMapping)[<*>{Protocol:(*dockershim.Protocol)<nil> ' +
      'ContainerPort:(*int32)<nil> HostPort:(*int32)1';
    assert.equal(text('1.11'), `${mapping}}] HostNetwork:(bool)false}`);
    assert.equal(text('1.20.3'), `${mapping} HostIP:(string)}] HostNetwork:(bool)false}`);
    const minors = (name: string): string => {
      const value = see(dockershim.version(name), file).value;
      return formatMinors(
        acceptedBy(dockershimKind, inspectState(dockershimKind, encodeAs(dockershim.version(name), value))),
      );
    };
    assert.equal(minors('1.11'), '1.11–1.20');
    assert.equal(minors('1.20.3'), '1.20–1.23');
  });
});

describe('memoryManager', () => {
  it('is taken by 1.36 also under the name of its own type, as long as the gate is off', () => {
    const own =
      '(*state.MemoryManagerCheckpointV1){PolicyName:(string)None MachineState:(state.NUMANodeMap)map[] ' +
      'Entries:(state.ContainerMemoryAssignments)map[] Checksum:(checksum.Checksum)0}';
    const file = utf8(`{"policyName":"None","machineState":{},"checksum":${fnv32a(utf8(own))}}`);
    const seen = inspectState(memoryManagerKind, file);
    assert.equal(formatMinors(acceptedBy(memoryManagerKind, seen)), '1.36');
    assert.equal(formatMinors(acceptedBy(memoryManagerKind, seen, new Set([podLevelGate]))), 'none');
  });
});

describe('cpuManager v3', () => {
  it('leaves out the CPUs of a pod that has none, and reads them as an empty set', () => {
    const version = cpuManager.version('v3');
    const file = utf8('{"policyName":"static","defaultCpuSet":"0","podEntries":{"p":{}},"checksum":0}');
    const seen = see(version, file);
    assert.match(
      version.checksum.text?.(seen.file) ?? '',
      /map\[p:\{CPUSet:\(cpuset\.CPUSet\)\{elems:\(map\[int\]struct \{\}\)map\[\]\}\}\]/,
    );
    assert.match(Buffer.from(encodeAs(version, seen.value)).toString(), /"podEntries":\{"p":\{\}\}/);
  });

  it('words CPUs that cannot be read as the kubelet does', () => {
    const file = utf8('{"podEntries":{"p":{"cpuSet":"x"}}}');
    assert.match(
      see(cpuManager.version('v3'), file).error?.message ?? '',
      /^failed to parse cpuset: strconv\.Atoi/,
    );
  });
});

describe('podAllocation 1.27', () => {
  it('hashes what is not in the file as the empty maps that the kubelet makes before it reads', () => {
    const version = podAllocation.version('1.27');
    assert.equal(
      version.checksum.text?.(see(version, utf8('{"checksum":1}')).file),
      '(*state.PodResourceAllocationCheckpoint){AllocationEntries:(map[string]map[string]v1.ResourceList)map[] ' +
        'ResizeStatusEntries:(map[string]v1.PodResizeStatus)map[] Checksum:(checksum.Checksum)0}',
    );
  });

  it('hashes the fields of a quantity, as its issue describes', () => {
    const version = podAllocation.version('1.27');
    const file = utf8(
      '{"allocationEntries":{"uid":{"c":{"cpu":"100m"}}},"resizeStatusEntries":{"uid":"Proposed"},"checksum":1}',
    );
    assert.equal(
      version.checksum.text?.(see(version, file).file),
      '(*state.PodResourceAllocationCheckpoint){AllocationEntries:(map[string]map[string]v1.ResourceList)map[uid:' +
        'map[c:map[cpu:{i:(resource.int64Amount){value:(int64)100 scale:(resource.Scale)-3} ' +
        'd:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)100m Format:(resource.Format)DecimalSI}]]] ' +
        'ResizeStatusEntries:(map[string]v1.PodResizeStatus)map[uid:Proposed] Checksum:(checksum.Checksum)0}',
    );
  });
});
