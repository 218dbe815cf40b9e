import { checksumType } from '../checkpointmanager/checksum.ts';
import type { ChecksumRule } from '../checkpointmanager/checksum-rule.ts';
import { defineCheckpoint, version } from '../checkpointmanager/define.ts';
import { type Dynamic, interfaceNamed, struct, type ValueOf } from '../checkpointmanager/go-type.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { StateKind } from './state-kind.ts';

/**
 * A pod that a kubelet of 1.9 to 1.18 kept, to start it without an API server: `Pod_<uid>.yaml`, which is
 * JSON. Its checksum is that of the whole `v1.Pod` with every field of that very release, so it changes with
 * each release. It also covers memory that is not in the file: a time read by Kubernetes points to the
 * process's local zone, and that is printed with all its transitions and the one last looked up. So no types
 * could make it verifiable for a pod that has a time, and each pod from an API server has one. The file is
 * decoded and shown, and its checksum is reported as not checked rather than guessed.
 */
const file = struct('k8s.checkpointData', { Pod: interfaceNamed('v1.Pod'), Checksum: checksumType });

export type BootstrapPod = ValueOf<typeof file>;

const everyField = 'the checksum covers every field of v1.Pod in the release that wrote the file';

const timePaths = [
  ['metadata', 'creationTimestamp'],
  ['metadata', 'deletionTimestamp'],
  ['status', 'startTime'],
] as const;

/** Why nobody can recompute the checksum of this file, and for which of its times. */
export function cannotVerify(state: BootstrapPod): string {
  const times = timePaths.filter(
    ([part, name]) => typeof member(member(state.Pod, part), name)?.of === 'string',
  );
  if (times.length === 0) return everyField;
  const names = times.map((path) => path.join('.')).join(', ');
  return `${everyField}, and, through ${names}, the time zone table in that kubelet's memory`;
}

const unknown: ChecksumRule = {
  covers: 'v1.Pod',
  stored: (value) => (value as BootstrapPod).Checksum,
  computed(value): bigint {
    throw new CodedError(
      'unsupported',
      `the checksum cannot be recomputed: ${cannotVerify(value as BootstrapPod)}`,
    );
  },
  seal(value): unknown {
    throw new CodedError(
      'unsupported',
      `a pod's checkpoint cannot be written: ${cannotVerify(value as BootstrapPod)}`,
    );
  },
};

export const bootstrapPod = defineCheckpoint({
  name: 'bootstrap-pod',
  versions: [version({ version: 'v1', type: file, checksum: unknown })],
});

export const bootstrapPodKind: StateKind = {
  kind: 'bootstrap-pod',
  title: 'a pod to start without an API server (1.9 to 1.18)',
  definition: bootstrapPod,
  minors: [9, 18],
  written: [{ version: 'v1', minors: [9, 18] }],
  readers: () => [{ version: 'v1' }],
  reports: () => 'first',
  failure: (_minor, cause) => ({ starts: true, message: `${cause} (the file is skipped)` }),
};

/** Name, namespace and uid of the pod in the file, as far as they are there. */
export function podIdentity(state: BootstrapPod): { name?: string; namespace?: string; uid?: string } {
  const metadata = member(state.Pod, 'metadata');
  const text = (name: string): string | undefined => {
    const found = member(metadata, name)?.of;
    return typeof found === 'string' ? found : undefined;
  };
  const [name, namespace, uid] = [text('name'), text('namespace'), text('uid')];
  return { ...(name && { name }), ...(namespace && { namespace }), ...(uid && { uid }) };
}

function member(value: Dynamic | null | undefined, name: string): Dynamic | null | undefined {
  return value?.of instanceof Map ? (value.of.get(name) as Dynamic | null | undefined) : undefined;
}
