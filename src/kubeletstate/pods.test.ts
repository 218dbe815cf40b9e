import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8 } from '../bytes/text.ts';
import { see } from '../checkpointmanager/define.ts';
import { type BootstrapPod, bootstrapPod, bootstrapPodKind, podIdentity } from './pods.ts';
import { acceptedBy, inspectState } from './state-kind.ts';

const version = bootstrapPod.latest;
const everyField = 'the checksum covers every field of v1.Pod in the release that wrote the file';

function fileOf(pod: unknown): Uint8Array {
  return utf8(JSON.stringify({ Pod: pod, Checksum: 4210563728 }));
}

const times = {
  metadata: {
    name: 'web',
    namespace: 'shop',
    uid: 'u1',
    creationTimestamp: '2020-01-02T03:04:05Z',
    deletionTimestamp: '2020-01-02T03:05:05Z',
  },
  status: { startTime: '2020-01-02T03:04:06Z' },
};

describe('bootstrap pod', () => {
  it('is shown with its stored checksum, and accepted by no release unseen', () => {
    const seen = see(version, fileOf(times));
    assert.deepEqual(podIdentity(seen.file as BootstrapPod), { name: 'web', namespace: 'shop', uid: 'u1' });
    assert.deepEqual([seen.stored, seen.computed, seen.valid], [4210563728n, undefined, false]);
    assert.equal(seen.error?.code, 'unsupported');
    assert.deepEqual(acceptedBy(bootstrapPodKind, inspectState(bootstrapPodKind, fileOf(times))), []);
  });

  it('says which of its times put a time zone table under the checksum', () => {
    const cases: readonly [unknown, string][] = [
      [{ metadata: { name: 'a', creationTimestamp: null } }, everyField],
      [null, everyField],
      [
        { metadata: { creationTimestamp: '2020-01-02T03:04:05Z' } },
        `${everyField}, and, through metadata.creationTimestamp, the time zone table in that kubelet's memory`,
      ],
      [
        times,
        `${everyField}, and, through metadata.creationTimestamp, metadata.deletionTimestamp, status.startTime, ` +
          "the time zone table in that kubelet's memory",
      ],
    ];
    for (const [pod, why] of cases) {
      const { error } = see(version, fileOf(pod));
      assert.equal(error?.message, `the checksum cannot be recomputed: ${why}`);
    }
  });

  it('is not written, rather than with a checksum that no kubelet would take', () => {
    const { file } = see(version, fileOf(times));
    assert.throws(() => bootstrapPod.encode(file), {
      code: 'unsupported',
      message: /^a pod's checkpoint cannot be written: .*through metadata\.creationTimestamp/,
    });
  });
});
