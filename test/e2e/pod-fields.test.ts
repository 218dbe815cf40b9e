import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { makeRootfs } from '../engines/image.ts';
import { needsRuntime, until } from '../runtime.ts';
import { TestNode } from './node.ts';

const rootfs = join(mkdtempSync(join(tmpdir(), 'stasis-image-')), 'rootfs');
before(async () => {
  if (needsRuntime.skip) return;
  await makeRootfs(rootfs, []);
  for (const name of ['test', 'httpd', 'stat', 'dd', 'head', 'grep'])
    symlinkSync('busybox', join(rootfs, 'bin', name));
});

const image = `rootdir:${rootfs}`;
const pod = (name: string, spec: string) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 0
${spec}
`;
const forever = 'while :; do sleep 0.1; done';
const script = (text: string) => `command: [/bin/sh, -c, ${JSON.stringify(text)}]`;

test(
  'a liveness probe that fails ends its container, which its policy starts again',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    const probe = '{exec: {command: [/bin/test, -e, /alive]}, periodSeconds: 1, failureThreshold: 2}';
    node.manifest(
      'live',
      pod(
        'live',
        `  containers:
  - {name: c, image: "${image}", ${script(`touch /alive; echo run; sleep 2; rm /alive; ${forever}`)}, livenessProbe: ${probe}}`,
      ),
    );
    await node.start();
    await node.running('live', 'c', 1);
    await until('the second run says so', () => node.output('live', 'c').length === 2);
    assert.ok(
      /container c failed its liveness probe, it is ended: command ended with status 1/.test(node.log),
    );
  },
);

test(
  'a readiness probe over HTTP reaches a server inside a pod without an address',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    const serve = `mkdir /www; httpd -p 127.0.0.1:8080 -h /www; sleep 2; echo yes > /www/ready; ${forever}`;
    const probe = '{httpGet: {path: /ready, port: web}, periodSeconds: 1}';
    const ports = '[{name: web, containerPort: 8080}]';
    const tcp = '{tcpSocket: {port: 8080}, periodSeconds: 1, failureThreshold: 20}';
    node.manifest(
      'web',
      pod(
        'web',
        `  containers:
  - {name: c, image: "${image}", ports: ${ports}, ${script(serve)}, readinessProbe: ${probe}, startupProbe: ${tcp}}`,
      ),
    );
    await node.start();
    await node.running('web', 'c');
    const complaint = await until(
      'it is not ready',
      async () => (await node.pod('web'))?.containers[0]?.message,
    );
    assert.match(complaint, /HTTP probe failed with statuscode: 404|connecting to port 8080/);
    await until('it is ready', async () => (await node.pod('web'))?.ready);
    assert.equal((await node.pod('web'))?.containers[0]?.restarts, 0);
  },
);

test('a sidecar starts before, runs beside, and ends after the others', needsRuntime, async (t) => {
  const node = new TestNode(t);
  const shared = 'volumeMounts: [{name: v, mountPath: /v}]';
  const side = `sleep 1; touch /v/up; trap 'touch /v/ended; exit 0' TERM; ${forever}`;
  const started = '{exec: {command: [/bin/test, -e, /v/up]}, periodSeconds: 1, failureThreshold: 30}';
  const folder = mkdtempSync(join(tmpdir(), 'stasis-sidecar-'));
  t.after(() => rmSync(folder, { recursive: true }));
  node.manifest(
    'side',
    pod(
      'side',
      `  restartPolicy: Never
  volumes: [{name: v, hostPath: {path: ${folder}}}]
  initContainers:
  - {name: s, image: "${image}", restartPolicy: Always, ${script(side)}, ${shared}, startupProbe: ${started}}
  containers:
  - {name: c, image: "${image}", ${script('test -e /v/up && echo up; test -e /v/ended || echo first')}, ${shared}}`,
    ).replace('terminationGracePeriodSeconds: 0', 'terminationGracePeriodSeconds: 5'),
  );
  await node.start();
  await until('it has succeeded', async () => (await node.pod('side'))?.phase === 'Succeeded');
  assert.deepEqual(node.output('side', 'c'), ['up', 'first']);
  await until('the sidecar has ended by itself', () => existsSync(join(folder, 'ended')));
});

test(
  'variables and volumes come from ConfigMaps and Secrets; what is missing is told, changes arrive',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    const spec = `
  volumes:
  - {name: v, secret: {secretName: s, items: [{key: k, path: deep/k, mode: 0400}]}}
  - {name: m, configMap: {name: settings}}
  containers:
  - name: c
    image: "${image}"
    env:
    - {name: A, valueFrom: {configMapKeyRef: {name: settings, key: a}}}
    - {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}
    - {name: WHO, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: BOTH, value: "$(A)-$(WHO)"}
    envFrom: [{prefix: X_, configMapRef: {name: settings}}]
    volumeMounts: [{name: v, mountPath: /s}, {name: m, mountPath: /m}]
    ${script(`echo $A $B $BOTH $X_a; echo $(cat /s/deep/k); stat -c %a /s/deep/k -L; while :; do echo $(cat /m/a); sleep 0.2; done`)}`;
    node.manifest('p', pod('p', spec));
    await node.start();
    const missing = await until(
      'it says what is missing',
      async () => (await node.pod('p'))?.message || undefined,
    );
    assert.match(
      missing,
      /needs what is not there: .*ConfigMap default\/settings.*Secret default\/s|Secret default\/s/,
    );
    node.manifest('m', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: one}\n');
    const secret = join(node.manifests, 's.yaml');
    writeFileSync(secret, 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: hidden}\n', {
      mode: 0o644,
    });
    await until('the open file is refused', () =>
      /holds a Secret and others may read it \(mode 644\)/.test(node.log),
    );
    chmodSync(secret, 0o600);
    await node.running('p', 'c');
    await until('it has printed', () => node.output('p', 'c').length > 4);
    assert.deepEqual(node.output('p', 'c').slice(0, 4), ['one hidden one-p one', 'hidden', '400', 'one']);
    node.manifest('m', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: two}\n');
    await until('the change arrives', () => node.output('p', 'c').at(-1) === 'two');
    // The node starts it again although nothing describes them any more.
    await node.stop('SIGKILL');
    for (const file of ['m', 's']) rmSync(join(node.manifests, `${file}.yaml`));
    await node.start();
    await until('it goes on', async () => (await node.pod('p'))?.containers[0]?.state === 'running');
    const { uid = '' } = (await node.pod('p')) ?? {};
    const record = join(node.root, 'stasis/pods', uid);
    assert.equal(statSync(record).mode & 0o777, 0o600);
    assert.ok(
      !readFileSync(join(node.root, 'pods', uid, 'volumes/kubernetes.io~configmap/m/a'), 'utf8').includes(
        'hidden',
      ),
    );
  },
);

test(
  'a volume in memory holds no more than its limit, and hooks run at start and end',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    const folder = mkdtempSync(join(tmpdir(), 'stasis-hooks-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const hook = (text: string) => `{exec: {command: [/bin/sh, -c, "${text}"]}}`;
    node.manifest(
      'm',
      pod(
        'm',
        `
  volumes: [{name: v, emptyDir: {medium: Memory, sizeLimit: 1Mi}}, {name: h, hostPath: {path: ${folder}}}]
  containers:
  - name: c
    image: "${image}"
    lifecycle: {postStart: ${hook('echo started > /h/started')}, preStop: ${hook('echo stopped > /h/stopped')}}
    volumeMounts: [{name: v, mountPath: /v}, {name: h, mountPath: /h}]
    ${script(`dd if=/dev/zero of=/v/x bs=1024 count=3000 2>&1 | head -n 1; stat -c %s /v/x; ${forever}`)}`,
      ).replace('terminationGracePeriodSeconds: 0', 'terminationGracePeriodSeconds: 5'),
    );
    await node.start();
    await node.running('m', 'c');
    await until('it has printed', () => node.output('m', 'c').length === 2);
    assert.match(node.output('m', 'c')[0] ?? '', /No space left/);
    assert.equal(node.output('m', 'c')[1], String(1 << 20));
    await until('the first hook', () => existsSync(join(folder, 'started')));
    rmSync(join(node.manifests, 'm.yaml'));
    await until('it is gone', async () => (await node.pods()).length === 0);
    assert.ok(existsSync(join(folder, 'stopped')));
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(join(node.root, 'pods')));
  },
);

test('hooks wait, and ask over HTTP inside a pod without an address', needsRuntime, async (t) => {
  const node = new TestNode(t);
  const folder = mkdtempSync(join(tmpdir(), 'stasis-hooks-'));
  t.after(() => rmSync(folder, { recursive: true }));
  // As with the kubelet any answer will do.
  const answer = "read line; echo $line >> /h/asked; printf 'HTTP/1.1 500 no\\r\\n\\r\\n'";
  writeFileSync(join(folder, 'answer'), `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
  // The first process of a container has to say what ends it.
  const stays = `trap 'exit 0' TERM; ${forever}`;
  const serve = "trap 'exit 0' TERM; while :; do nc -l -p 8080 -e /h/answer & wait; done";
  const last = '{httpGet: {path: /last, port: web, httpHeaders: [{name: X-Why, value: end}]}}';
  const mounts = 'volumeMounts: [{name: h, mountPath: /h}]';
  node.manifest(
    'm',
    pod(
      'm',
      `
  volumes: [{name: h, hostPath: {path: ${folder}}}]
  containers:
  - name: asked
    image: "${image}"
    ports: [{name: web, containerPort: 8080}]
    lifecycle: {preStop: ${last}}
    ${mounts}
    ${script(serve)}
  - name: waits
    image: "${image}"
    lifecycle: {postStart: {sleep: {seconds: 1}}, preStop: {sleep: {seconds: 2}}}
    ${script(stays)}
  - name: ends
    image: "${image}"
    # It ends before, which ends the waiting.
    lifecycle: {preStop: {sleep: {seconds: 1000}}}
    ${mounts}
    ${script('while test ! -e /h/asked; do sleep 0.1; done')}
  - name: never
    image: "${image}"
    lifecycle: {postStart: {httpGet: {port: 8081}}}
    ${script(stays)}`,
    ).replace('terminationGracePeriodSeconds: 0', 'terminationGracePeriodSeconds: 600'),
  );
  await node.start();
  for (const name of ['asked', 'waits', 'ends']) await node.running('m', name);
  // Nobody listens there: the container is ended, and started again by its policy.
  const why = /the postStart hook of container never: [^"]*, the container is ended/;
  await until('a hook has failed', () => why.test(node.log));
  await until('something listens', async () => {
    const { status } = await node.stasis(
      'exec',
      'm',
      '-c',
      'asked',
      '--',
      'grep',
      '-q',
      ':1F90 .* 0A ',
      '/proc/net/tcp6',
    );
    if (status === 0) return true;
    return (
      (await node.stasis('exec', 'm', '-c', 'asked', '--', 'grep', '-q', ':1F90 .* 0A ', '/proc/net/tcp'))
        .status === 0
    );
  });
  const began = performance.now();
  rmSync(join(node.manifests, 'm.yaml'));
  await until('it is gone', async () => (await node.pods()).length === 0);
  const took = performance.now() - began;
  assert.ok(took >= 2000, `it took ${took} ms, and a hook waits for two seconds`);
  assert.equal(readFileSync(join(folder, 'asked'), 'utf8'), 'GET /last HTTP/1.1\r\n');
  assert.ok(!node.log.includes('the preStop hook'), node.log);
});

test(
  'a pod is told of itself in variables and volumes, beside ConfigMaps and Secrets',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    node.manifest('map', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: one}\n');
    writeFileSync(
      join(node.manifests, 'secret.yaml'),
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: hidden}\n',
      { mode: 0o600 },
    );
    const field = (path: string) => `valueFrom: {fieldRef: {fieldPath: "${path}"}}`;
    const tell =
      'echo "$(cat /own/labels)"; echo "$(cat /all/a /all/deep/k /all/cpus)"; stat -c %a /all/..data/deep/k';
    node.manifest(
      'm',
      pod(
        'm',
        `
  volumes:
  - {name: own, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}}
  - name: all
    projected:
      defaultMode: 0440
      sources:
      - {configMap: {name: m}}
      - {secret: {name: s, items: [{key: k, path: deep/k, mode: 0400}]}}
      - {downwardAPI: {items: [{path: cpus, resourceFieldRef: {containerName: c, resource: limits.cpu, divisor: 1m}}]}}
  containers:
  - name: c
    image: "${image}"
    resources: {limits: {cpu: 500m, memory: 64Mi}}
    env:
    - {name: APP, ${field("metadata.labels['app']")}}
    - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
    volumeMounts: [{name: own, mountPath: /own}, {name: all, mountPath: /all, readOnly: true}]
    ${script(`echo $APP $MEMORY; ${tell}; echo end; ${forever}`)}`,
      ).replace('metadata: {name: m}', 'metadata: {name: m, labels: {app: shop, zone: west}}'),
    );
    await node.start();
    await node.running('m', 'c');
    await until('it has told', () => node.output('m', 'c').includes('end'));
    assert.deepEqual(node.output('m', 'c'), [
      'shop 64',
      'app="shop"',
      'zone="west"',
      'onehidden500',
      '400',
      'end',
    ]);
    const { uid } = (await node.pod('m')) ?? assert.fail('no pod m');
    const projected = join(node.root, 'pods', uid, 'volumes/kubernetes.io~projected/all');
    // A Secret never touches the disk.
    assert.ok(readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${projected} `));
    node.manifest('map', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: two}\n');
    await until('the change arrives', () => readFileSync(join(projected, 'a'), 'utf8') === 'two');
    assert.equal(readFileSync(join(projected, 'deep/k'), 'utf8'), 'hidden');
  },
);

test('a pod with a sidecar is drained and continues, both of them, once', needsRuntime, async (t) => {
  const node = new TestNode(t);
  const counts = script('i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done');
  const spec = `
  initContainers:
  - {name: s, image: "${image}", restartPolicy: Always, ${counts}}
  containers:
  - {name: c, image: "${image}", ${counts}}`;
  node.manifest('p', pod('p', spec));
  await node.start();
  await node.running('p', 's');
  await node.running('p', 'c');
  await until('both count', () => node.output('p', 's').length > 3 && node.output('p', 'c').length > 3);
  assert.equal((await node.stasis('drain')).status, 0);
  const ends = ['s', 'c'].map((name) => Number(node.output('p', name).at(-1)));
  const list = readFileSync(join(node.checkpoints, 'checkpointed.pods'), 'utf8');
  assert.match(list, /"s"/);
  assert.equal((await node.stasis('uncordon')).status, 0);
  await until('both go on', () =>
    ['s', 'c'].every((name, index) => Number(node.output('p', name).at(-1)) > (ends[index] ?? 0) + 2),
  );
  for (const name of ['s', 'c'])
    assert.equal(node.output('p', name).filter((line) => line === '1').length, 1);
});
