import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldText, resourceText } from './downward.ts';
import { environmentOf } from './environment.ts';
import { parseManifest } from './manifest.ts';
import { volumeFiles } from './volume-files.ts';

const place = {
  nodeName: 'n1',
  hostIP: '10.0.0.1',
  podIP: '10.0.0.2',
  capacity: { cpu: 4, memory: 8 * 2 ** 30 },
};
const pod = parseManifest(
  `
apiVersion: v1
kind: Pod
metadata:
  name: a
  namespace: web
  uid: u1
  labels: {zone: west, app: 'a "b"'}
  annotations: {example.com/note: "two\\nlines", other: x}
spec:
  containers:
  - name: c
    image: i
    resources: {requests: {cpu: 250m}, limits: {cpu: 1500m, memory: 100M}}
    env:
    - {name: APP, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}
    - {name: NOTE, valueFrom: {fieldRef: {fieldPath: "metadata.annotations['example.com/note']"}}}
    - {name: NONE, valueFrom: {fieldRef: {fieldPath: "metadata.labels['none']"}}}
    - {name: IPS, valueFrom: {fieldRef: {fieldPath: status.podIPs}}}
    - {name: CPUS, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
    - {name: MILLI, valueFrom: {resourceFieldRef: {resource: requests.cpu, divisor: 1m}}}
    - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
    - {name: OTHERS, valueFrom: {resourceFieldRef: {containerName: d, resource: limits.memory, divisor: 1Gi}}}
    - {name: ALL, value: '$(APP) $(CPUS)'}
  - {name: d, image: i}
  volumes:
  - name: own
    downwardAPI:
      defaultMode: 0440
      items:
      - {path: labels, fieldRef: {fieldPath: metadata.labels}}
      - {path: deep/notes, mode: 0400, fieldRef: {fieldPath: metadata.annotations}}
      - {path: cpu, resourceFieldRef: {containerName: d, resource: limits.cpu}}
  - name: all
    projected:
      defaultMode: 0400
      sources:
      - {configMap: {name: m}}
      - {secret: {name: s, items: [{key: k, path: secret/k, mode: 0600}]}}
      - {secret: {name: absent, optional: true}}
      - {downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}
`,
  { file: 'a.yaml', node: 'n1' },
);
const [container, other] = pod.spec.containers;
const encoded = (text: string) => Buffer.from(text).toString('base64');

test('environmentOf + fields and resources of the pod, as the kubelet tells them', () => {
  assert.ok(container);
  assert.deepEqual(Object.fromEntries(environmentOf(pod, container, [], place)), {
    APP: 'a "b"',
    NOTE: 'two\nlines',
    NONE: '',
    IPS: '10.0.0.2',
    CPUS: '2',
    MILLI: '250',
    MEMORY: '96',
    OTHERS: '8',
    ALL: 'a "b" 2',
  });
});

test('resourceText + what is not said: the node limits, requests are limits, or nothing', () => {
  const of = (resource: string, from = other, divisor?: string) =>
    resourceText(pod, from, { resource, ...(divisor ? { divisor } : {}) }, place.capacity);
  assert.equal(of('limits.cpu'), '4');
  assert.equal(of('limits.cpu', other, '1m'), '4000');
  assert.equal(of('limits.memory'), String(8 * 2 ** 30));
  assert.equal(of('requests.cpu'), '0');
  assert.equal(of('requests.memory', container), '100000000');
  assert.equal(of('limits.memory', container, '1M'), '100');
  assert.equal(of('limits.memory', container, '0'), '100000000');
  assert.equal(of('limits.cpu', container, '1m'), '1500');
});

test('fieldText + all labels and annotations are lines in order', () => {
  assert.equal(fieldText(pod, 'metadata.labels', place), 'app="a \\"b\\""\nzone="west"');
});

test('volumeFiles + downwardAPI and projected volumes have the files of all their sources', () => {
  const configuration = [
    {
      kind: 'ConfigMap' as const,
      namespace: 'web',
      name: 'm',
      data: { a: encoded('1'), name: encoded('hidden') },
    },
    { kind: 'Secret' as const, namespace: 'web', name: 's', data: { k: encoded('2'), left: encoded('out') } },
  ];
  const files = (name: string) => {
    const volume = pod.spec.volumes?.find((one) => one.name === name);
    assert.ok(volume);
    const found = volumeFiles(pod, volume, configuration, place) ?? [];
    return Object.fromEntries(found.map(({ path, content, mode }) => [path, [String(content), mode]]));
  };
  assert.deepEqual(files('own'), {
    labels: ['app="a \\"b\\""\nzone="west"', 0o440],
    'deep/notes': ['example.com/note="two\\nlines"\nother="x"', 0o400],
    cpu: ['4', 0o440],
  });
  assert.deepEqual(files('all'), {
    a: ['1', 0o400],
    name: ['a', 0o400],
    'secret/k': ['2', 0o600],
  });
});
