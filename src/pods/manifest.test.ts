import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageOf } from '../errors/coded-error.ts';
import { contentHash, parseManifest } from './manifest.ts';

const origin = { file: '/m/a.yaml', node: 'n1' };
const minimal = 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i}]}\n';

test('parseManifest takes what a pod on one node needs, with defaults', () => {
  const pod = parseManifest(
    `${minimal.replace('spec:', 'status: {}\nspec:')}`.replace(
      '{name: a}',
      '{name: a, creationTimestamp: null}',
    ),
    origin,
  );
  assert.equal(pod.metadata.namespace, 'default');
  assert.match(pod.metadata.uid, /^[0-9a-f]{32}$/);
  assert.deepEqual(pod.spec, { containers: [{ name: 'c', image: 'i' }] });
});

test('parseManifest gives the same uid for the same pod in the same place, and another elsewhere', () => {
  const uid = (text: string, at = origin) => parseManifest(text, at).metadata.uid;
  assert.equal(uid(minimal), uid(`# a comment\n${minimal}`));
  assert.notEqual(uid(minimal), uid(minimal.replace('image: i', 'image: j')));
  assert.notEqual(uid(minimal), uid(minimal, { ...origin, node: 'n2' }));
  assert.notEqual(uid(minimal), uid(minimal, { ...origin, file: '/m/b.yaml' }));
  assert.equal(uid(minimal.replace('{name: a}', '{name: a, uid: own-1}')), 'own-1');
});

test('contentHash changes with the content and not with the uid', () => {
  const hash = (text: string) => contentHash(parseManifest(text, origin));
  assert.equal(hash(minimal), hash(minimal.replace('{name: a}', '{uid: u, name: a}')));
  assert.notEqual(hash(minimal), hash(minimal.replace('image: i', 'image: i, tty: true')));
});

const refused: readonly [what: string, from: string, to: string, message: RegExp][] = [
  [
    'a probe that asks nothing',
    'image: i',
    'image: i, livenessProbe: {}',
    /spec\.containers\[0\]\.livenessProbe is not exactly one of exec, httpGet, tcpSocket, grpc/,
  ],
  [
    'a misspelt field',
    'image: i',
    'image: i, comand: [a]',
    /spec\.containers\[0\]\.comand is not supported here/,
  ],
  [
    'a variable from nowhere',
    'image: i',
    'image: i, env: [{name: A, valueFrom: {fileKeyRef: {}}}]',
    /env\[0\]\.valueFrom\.fileKeyRef is not supported/,
  ],
  [
    'a field that no variable tells',
    'image: i',
    'image: i, env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.labels}}}]',
    /env\[0\]\.valueFrom\.fieldRef\.fieldPath is "metadata.labels", known here: "metadata.name"/,
  ],
  [
    'a resource of nobody',
    'image: i',
    'image: i, env: [{name: A, valueFrom: {resourceFieldRef: {containerName: x, resource: limits.cpu}}}]',
    /resourceFieldRef\.containerName "x" is no container of the pod/,
  ],
  [
    'CPUs in megabytes',
    'image: i',
    'image: i, env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1Mi}}}]',
    /resourceFieldRef\.divisor is "1Mi", known here: 0, 1, 1m$/,
  ],
  [
    'a file of nothing',
    'image: i}]',
    'image: i}], volumes: [{name: v, downwardAPI: {items: [{path: a}]}}]',
    /volumes\[0\]\.downwardAPI\.items\[0\] is not exactly one of fieldRef, resourceFieldRef/,
  ],
  [
    'two files with one name',
    'image: i}]',
    'image: i}], volumes: [{name: v, projected: {sources: [{configMap: {name: m, items: [{key: k, path: a}]}}, {downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.name}}]}}]}}]',
    /volumes\[0\] has two files called "a"/,
  ],
  [
    'a token of the API server',
    'image: i}]',
    'image: i}], volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]',
    /projected\.sources\[0\]\.serviceAccountToken is not supported/,
  ],
  [
    'a hook that does two things',
    'image: i',
    'image: i, lifecycle: {preStop: {sleep: {seconds: 1}, exec: {command: [a]}}}',
    /lifecycle\.preStop is not exactly one of exec, httpGet, sleep/,
  ],
  [
    'a hook that asks a port without a name',
    'image: i',
    'image: i, lifecycle: {postStart: {httpGet: {port: web}}}',
    /lifecycle\.postStart names the port "web", which the container does not have/,
  ],
  ['no image', ', image: i', '', /spec\.containers\[0\]\.image is missing/],
  [
    'an unknown volume',
    'image: i',
    'image: i, volumeMounts: [{name: v, mountPath: /v}]',
    /volumeMounts\[0\]\.name "v" is no volume/,
  ],
  [
    'a volume of another kind',
    'spec: {',
    'spec: {volumes: [{name: v, nfs: {}}], ',
    /spec\.volumes\[0\]\.nfs is not supported/,
  ],
  [
    'a volume of no kind',
    'spec: {',
    'spec: {volumes: [{name: v}], ',
    /spec\.volumes\[0\] is not exactly one of hostPath, emptyDir, configMap, secret/,
  ],
  [
    'a limit of a folder on disk',
    'spec: {',
    'spec: {volumes: [{name: v, emptyDir: {sizeLimit: 1Mi}}], ',
    /emptyDir\.sizeLimit is not supported here without medium: Memory/,
  ],
  [
    'a probe of a port that has no such name',
    'image: i',
    'image: i, livenessProbe: {httpGet: {port: web}}',
    /livenessProbe names the port "web", which the container does not have/,
  ],
  [
    'a probe of an init container that ends',
    'spec: {',
    'spec: {initContainers: [{name: x, image: i, startupProbe: {exec: {command: [a]}}}], ',
    /initContainers\[0\]\.startupProbe is not for an init container that ends/,
  ],
  [
    'a sidecar among the containers',
    'image: i',
    'image: i, restartPolicy: Always',
    /containers\[0\]\.restartPolicy is not supported/,
  ],
  [
    'a path out of a volume',
    'spec: {',
    'spec: {volumes: [{name: v, secret: {secretName: s, items: [{key: a, path: ../x}]}}], ',
    /items\[0\]\.path is "\.\.\/x"/,
  ],
  [
    'a path that climbs',
    'spec: {',
    'spec: {volumes: [{name: v, hostPath: {path: /a/../b}}], ',
    /hostPath\.path is "\/a\/\.\.\/b"/,
  ],
  ['a bad name', 'name: a', 'name: A_b', /metadata\.name is "A_b", which is not a DNS subdomain/],
  ['a name with a slash', 'name: a', 'name: ../a', /metadata\.name/],
  [
    'two containers of one name',
    'image: i}',
    'image: i}, {name: c, image: j}',
    /containers\[1\]\.name "c" is there twice/,
  ],
  [
    'a bad quantity',
    'image: i',
    'image: i, resources: {limits: {cpu: lots}}',
    /limits\.cpu is not a quantity/,
  ],
  [
    'a resource that is no amount here',
    'image: i',
    'image: i, resources: {limits: {gpu: 1}}',
    /limits\.gpu is not supported/,
  ],
  [
    'half a device',
    'image: i',
    'image: i, resources: {limits: {x.io/gpu: 0.5}}',
    /limits\.x\.io\/gpu must be an integer/,
  ],
  [
    'a device without a limit',
    'image: i',
    'image: i, resources: {requests: {x.io/gpu: 1}}',
    /requests\.x\.io\/gpu needs a limit/,
  ],
  [
    'fewer devices set aside than allowed',
    'image: i',
    'image: i, resources: {limits: {x.io/gpu: 2}, requests: {x.io/gpu: 1}}',
    /requests\.x\.io\/gpu must be equal to x\.io\/gpu limit of 2/,
  ],
  [
    'a device under Kubernetes’ own name',
    'image: i',
    'image: i, resources: {limits: {kubernetes.io/gpu: 1}}',
    /limits\.kubernetes\.io\/gpu is not supported/,
  ],
  ['another kind', 'kind: Pod', 'kind: Deployment', /kind is "Deployment"/],
  ['a list', 'apiVersion: v1', '---\napiVersion: v1\n---\na: 1\n---\nx: 1', /documents, one pod is wanted/],
  ['a key twice', 'kind: Pod', 'kind: Pod\nkind: Pod', /Map keys must be unique/],
  [
    'a policy in other words',
    'spec: {',
    'spec: {restartPolicy: always, ',
    /restartPolicy is "always", known here/,
  ],
  ['a negative grace', 'spec: {', 'spec: {terminationGracePeriodSeconds: -1, ', /is not a whole number/],
];
for (const [what, from, to, message] of refused) {
  test(`parseManifest refuses by name: ${what}`, () => {
    assert.throws(
      () => parseManifest(minimal.replace(from, to), origin),
      (error) => message.test(messageOf(error)) && messageOf(error).startsWith('reading /m/a.yaml: '),
    );
  });
}

test('parseManifest names everything that is wrong at once', () => {
  const text = minimal.replace('image: i', 'probe: 1, image: 3').replace('kind: Pod', 'kind: Pod\nextra: 1');
  assert.throws(
    () => parseManifest(text, origin),
    /extra is not supported here; spec\.containers\[0\]\.probe is not supported here; spec\.containers\[0\]\.image is not a text/,
  );
});

test('parseManifest stands against aliases that multiply', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
    .split('')
    .map((name, index) => `${name}: &${name} [${Array(10).fill(`*${'abcdefg'[index]}`).join(',')}]`)
    .join('\n')}`;
  assert.throws(() => parseManifest(bomb, origin));
});

test('parseManifest takes devices under the names of their resources', () => {
  const asking = 'image: i, resources: {limits: {cpu: 1, x.io/gpu: 2}, requests: {x.io/gpu: "2"}}';
  const { spec } = parseManifest(minimal.replace('image: i', asking), origin);
  assert.deepEqual(spec.containers[0]?.resources, {
    limits: { cpu: '1', 'x.io/gpu': '2' },
    requests: { 'x.io/gpu': '2' },
  });
});

test('parseManifest takes huge pages, of which request and limit are the same', () => {
  const parsed = (resources: string) =>
    parseManifest(minimal.replace('image: i', `image: i, resources: ${resources}`), origin);
  const { spec } = parsed('{limits: {memory: 1Gi, hugepages-2Mi: 4Mi}}');
  assert.deepEqual(spec.containers[0]?.resources?.limits, { memory: '1Gi', 'hugepages-2Mi': '4Mi' });
  for (const [resources, words] of [
    [
      '{limits: {hugepages-2Mi: 4Mi}, requests: {hugepages-2Mi: 2Mi}}',
      /must be equal to hugepages-2Mi limit of 4Mi/,
    ],
    ['{requests: {hugepages-2Mi: 2Mi}}', /needs a limit of the same size/],
    ['{limits: {hugepages-big: 2Mi}}', /hugepages-big is not supported here/],
  ] as const) {
    assert.throws(() => parsed(resources), words);
  }
});
