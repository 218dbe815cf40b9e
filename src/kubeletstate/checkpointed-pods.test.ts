import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textOf, utf8 } from '../bytes/text.ts';
import { isCoded } from '../errors/coded-error.ts';
import {
  checkpointedContainer,
  checkpointedPod,
  decodeCheckpointedPods,
  encodeCheckpointedPods,
  isSandboxId,
  podArchiveName,
} from './checkpointed-pods.ts';

/** Every member of the format, in the order in which Go's structs have them. */
const full = `{
  "version": 0,
  "CheckpointedPods": [
    {
      "io.kubernetes.pod.uid": "uid1",
      "SandboxID": "sandbox1",
      "io.kubernetes.pod.name": "pod1-name",
      "io.kubernetes.pod.terminationGracePeriod": 30,
      "io.kubernetes.pod.namespace": "default1",
      "kubernetes.io/config.source": "api",
      "kubernetes.io/config.seen": "2021-01-29T10:00:00Z",
      "io.container.manager": "cri-o",
      "Containers": [
        {
          "io.kubernetes.container.name": "container1",
          "id": "abc",
          "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
          "io.kubernetes.container.terminationMessagePolicy": "File",
          "io.kubernetes.container.restartCount": 1,
          "terminationMessagePathUID": "1234abcd",
          "Image": "image\\u003c1\\u003e"
        }
      ],
      "hostIP": "192.0.2.1",
      "podIP": "10.88.0.9",
      "podIPs": [
        "10.88.0.9",
        "fd00::9"
      ]
    }
  ]
}`;

test('checkpointed.pods round trip is byte-equal', () => {
  assert.equal(textOf(encodeCheckpointedPods(decodeCheckpointedPods(utf8(full)))), full);
});

test('decodeCheckpointedPods fills every field', () => {
  const [pod] = decodeCheckpointedPods(utf8(full)).pods;
  assert.deepEqual(
    pod,
    checkpointedPod({
      uid: 'uid1',
      sandboxId: 'sandbox1',
      name: 'pod1-name',
      terminationGracePeriod: 30,
      namespace: 'default1',
      configSource: 'api',
      configSeen: '2021-01-29T10:00:00Z',
      manager: 'cri-o',
      hostIP: '192.0.2.1',
      podIP: '10.88.0.9',
      podIPs: ['10.88.0.9', 'fd00::9'],
      containers: [
        checkpointedContainer({
          name: 'container1',
          id: 'abc',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          restartCount: 1,
          terminationMessagePathUID: '1234abcd',
          image: 'image<1>',
        }),
      ],
    }),
  );
});

test('decodeCheckpointedPods takes member names in any case, and null as empty', () => {
  const { pods, version } = decodeCheckpointedPods(
    utf8('{"VERSION":3,"checkpointedpods":[{"sandboxid":"s","containers":null,"HOSTIP":null},null]}'),
  );
  assert.equal(version, 3);
  assert.deepEqual(
    pods.map((pod) => [pod.sandboxId, pod.containers, pod.hostIP]),
    [
      ['s', [], ''],
      ['', [], ''],
    ],
  );
  assert.deepEqual(decodeCheckpointedPods(utf8('null')).pods, []);
});

test('checkpointed.pods keeps members it does not know, at every level', () => {
  const text =
    '{"version":0,"CheckpointedPods":[{"SandboxID":"s","Containers":[{"Image":"i","new":9007199254740993}],"x":{"y":[]}}],"later":1.0}';
  const value = decodeCheckpointedPods(utf8(text));
  assert.equal(textOf(encodeCheckpointedPods(value)).replace(/\s/g, ''), text);
});

test('encodeCheckpointedPods writes an empty list as null, as Go writes a nil slice', () => {
  const text = textOf(encodeCheckpointedPods({ version: 0, pods: [], extra: new Map() }));
  assert.equal(text, '{\n  "version": 0,\n  "CheckpointedPods": null\n}');
});

test('restore marks stand behind the fields of the format', () => {
  const pod = checkpointedPod({ sandboxId: 's', name: 'n', namespace: 'd' });
  const marked = { ...pod, restoring: '2026-01-01T00:00:00Z', restored: '2026-01-01T00:00:01Z' };
  const bytes = encodeCheckpointedPods({ version: 0, pods: [marked], extra: new Map() });
  assert.match(textOf(bytes), /"Containers": null,\s+"io.stasis.restoring": ".*",\s+"io.stasis.restored": "/);
  assert.deepEqual(decodeCheckpointedPods(bytes).pods, [marked]);
});

const refused: readonly (readonly [string, string])[] = [
  ['', 'unexpected end of JSON input'],
  ['[]', 'json: cannot unmarshal array into Go value of type metadata.CheckpointMetadata'],
  [
    '{"version":"0"}',
    'json: cannot unmarshal string into Go struct field CheckpointMetadata.version of type int',
  ],
  [
    '{"version":1.5}',
    'json: cannot unmarshal number 1.5 into Go struct field CheckpointMetadata.version of type int',
  ],
  [
    '{"CheckpointedPods":{}}',
    'json: cannot unmarshal object into Go struct field CheckpointMetadata.CheckpointedPods of type []metadata.CheckpointedPod',
  ],
  [
    '{"CheckpointedPods":[{"SandboxID":7}]}',
    'json: cannot unmarshal number into Go struct field CheckpointedPod.CheckpointedPods.SandboxID of type string',
  ],
  [
    '{"CheckpointedPods":[{"Containers":[{"io.kubernetes.container.restartCount":4294967296}]}]}',
    'json: cannot unmarshal number 4294967296 into Go struct field CheckpointedContainer.CheckpointedPods.Containers.io.kubernetes.container.restartCount of type int32',
  ],
];

for (const [text, message] of refused) {
  test(`decodeCheckpointedPods refuses ${text || 'nothing'} in Go's words`, () => {
    assert.throws(
      () => decodeCheckpointedPods(utf8(text)),
      (error) => isCoded(error, 'corrupt') && error.message === message,
    );
  });
}

test('isSandboxId takes what runtimes use and nothing that could leave the directory', () => {
  for (const id of ['sandbox1', 'a'.repeat(64), 'k8s_POD_x.y-0']) assert.ok(isSandboxId(id), id);
  for (const id of [
    '',
    '.',
    '..',
    '../secret',
    'a/b',
    '/a',
    '-a',
    '.a',
    'a\0',
    'a\n',
    'é',
    'a'.repeat(251),
  ]) {
    assert.ok(!isSandboxId(id), id);
    assert.throws(
      () => podArchiveName(id),
      (error) => isCoded(error, 'invalid-argument'),
    );
  }
});
