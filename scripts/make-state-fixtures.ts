/**
 * Writes `fixtures/kubelet-state/1.N/`: for each minor version at which a format changed, the files as that version
 * writes them, made by the documented rules from one sample node. (`1.36.2/` is from a real kubelet.)
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { utf8 } from '../src/bytes/text.ts';
import { decodeJson } from '../src/checkpointmanager/go-json.ts';
import type { GoType } from '../src/checkpointmanager/go-type.ts';
import { knownFiles, stateKinds } from '../src/kubeletstate/known-files.ts';
import { podLevelGate, type StateKind, within, writtenBy } from '../src/kubeletstate/state-kind.ts';

const pod = '9a15d2b5-c152-46b9-96e0-d57032629e1f';
const claim = '067798be-454e-4be4-9047-1aa06aea63f7';
const block = '{"numaAffinity":[0],"type":"memory","size":1073741824}';
const table =
  '{"total":17179869184,"systemReserved":1073741824,"allocatable":16106127360,"reserved":1073741824,"free":15032385536}';
const resources = '{"limits":{"cpu":"2","memory":"1Gi"},"requests":{"cpu":"2","memory":"1Gi"}}';
const allocation = `{"entries":{"${pod}":{"ContainerResources":{"app":${resources}},"PodLevelResources":null}}}`;

/** The sample node in the latest version of each kind, as JSON of its content. */
const samples: Readonly<Record<string, string>> = {
  'cpu-manager': `{"policyName":"static","defaultCpuSet":"0-1,4-7","entries":{"${pod}":{"app":"2-3"}}}`,
  'memory-manager': `{"policyName":"Static","machineState":{"0":{"numberOfAssignments":1,"memoryMap":{"memory":${table}},"cells":[0]}},"entries":{"${pod}":{"app":[${block}]}}}`,
  'device-manager': `{"Data":{"PodDeviceEntries":[{"PodUID":"${pod}","ContainerName":"app","ResourceName":"nvidia.com/gpu","DeviceIDs":{"0":["GPU-1"]},"AllocResp":"Cg0KBlRTX0RFVhIDeWVz"}],"RegisteredDevices":{"nvidia.com/gpu":["GPU-0","GPU-1"]}}}`,
  'dra-manager': `{"kind":"DRACheckpoint","apiVersion":"checkpoint.dra.kubelet.k8s.io/v1","ClaimInfoStateList":[{"ClaimUID":"${claim}","ClaimName":"gpu","Namespace":"default","PodUIDs":{"${pod}":{}},"DriverState":{"gpu.example.com":{"Devices":[{"PoolName":"worker-1","DeviceName":"gpu-0","ShareID":null,"RequestNames":["gpu"],"CDIDeviceIDs":["example.com/gpu=0"]}]}}}]}`,
  'pod-status': allocation,
  'pod-allocation': allocation,
  'pod-actuation': allocation,
  'dockershim-sandbox':
    '{"version":"v1","name":"web","namespace":"default","data":{"port_mappings":[{"protocol":"tcp","container_port":80,"host_port":8080}]}}',
};

const ids = { containerIdOf: (_pod: string, container: string) => `containerd-id-of-${container}` };

function fileOf(kind: StateKind, minor: number): Uint8Array | undefined {
  const sample = samples[kind.kind];
  const to = writtenBy(kind, minor, minor === 36 ? new Set([podLevelGate]) : new Set());
  if (sample === undefined || to === undefined || !within(minor, kind.minors)) return undefined;
  const { latest } = kind.definition;
  const type = (latest.inside?.type ?? latest.type) as GoType;
  const value = decodeJson(type, utf8(sample), latest.inside ? undefined : latest.initial?.());
  return kind.definition.encode(kind.definition.migrate(value, latest.version, to, ids).value, to);
}

const root = resolve(import.meta.dirname, '../fixtures/kubelet-state');
for (const minor of [10, 17, 19, 20, 27, 28, 30, 31, 32, 33, 35, 36]) {
  for (const kind of stateKinds) {
    const file = fileOf(kind, minor);
    if (!file) continue;
    const known = knownFiles.find((each) => each.kind === kind)?.path ?? `${kind.kind}`;
    const path = join(root, `1.${minor}`, known.slice(known.lastIndexOf('/') + 1));
    mkdirSync(join(root, `1.${minor}`), { recursive: true });
    writeFileSync(path, file);
  }
}
