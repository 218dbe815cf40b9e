import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type EndpointName, endpointNames, endpointOf, targetOf } from '../../src/api/endpoints.ts';
import { makeRootfs } from '../engines/image.ts';
import { containerdWithLoad, grows } from '../engines/loaded-containerd.ts';
import { atEnd, needsRuntime, until } from '../runtime.ts';
import { ask, makeTrust } from '../server/harness.ts';
import type { Exposure } from './exposure-watcher.ts';
import { signal, TestNode } from './node.ts';

const trust = makeTrust();
const image = mkdtempSync(join(tmpdir(), 'stasis-image-'));
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(image, ['load']);
});

const policy = `
apiVersion: stasis/v1
kind: Policy
rules:
- {users: [root], verbs: ['*'], resources: ['*']}
- {users: [monitor], verbs: [get], resources: [nodes/healthz, nodes/metrics]}
- {users: [operator], verbs: [get, create, update, delete], resources: [nodes/checkpoint]}
- {users: [analyst], verbs: [get], resources: [nodes/checkpoint, nodes/checkpoint-content]}
`;
const roles = ['root', 'monitor', 'operator', 'analyst', 'nobody'] as const;
type Role = (typeof roles)[number];

/** A daemon that knows each role by a token of its name. */
async function startNode(t: TestContext, flags: readonly string[] = []): Promise<TestNode> {
  const node = new TestNode(t);
  const file = (name: string, text: string): string => {
    writeFileSync(join(node.folder, name), text, { mode: 0o600 });
    return join(node.folder, name);
  };
  await node.start([
    ...['--tls-cert-file', file('server.crt', trust.server.certificate)],
    ...['--tls-private-key-file', file('server.key', trust.server.key)],
    ...['--client-ca-file', file('ca.crt', trust.ca.certificate)],
    ...['--token-auth-file', file('tokens', roles.map((role) => `${role}-token,${role},1\n`).join(''))],
    ...['--authorization-policy-file', file('policy.yaml', policy)],
    ...flags,
  ]);
  return node;
}

const port = (node: TestNode): number => Number(new URL(node.file().server).port);
const as = (role: Role): { headers: Record<string, string> } => ({
  headers: { authorization: `Bearer ${role}-token` },
});

/** Who may use what, besides root, who may use all. Written down here once more, so that no edit opens a door unseen. */
const allowed: Partial<Record<EndpointName, readonly Role[]>> = {
  live: roles,
  ready: ['monitor'],
  health: ['monitor'],
  metrics: ['monitor'],
  document: ['monitor'],
  node: ['monitor'],
  runtime: ['monitor'],
  kubeletCheckpoint: ['operator'],
  checkpointPod: ['operator'],
  checkpointContainer: ['operator'],
  operations: ['operator', 'analyst'],
  operation: ['operator', 'analyst'],
  operationEvents: ['operator', 'analyst'],
  cancelOperation: ['operator'],
  checkpoints: ['operator', 'analyst'],
  checkpoint: ['operator', 'analyst'],
  deleteCheckpoint: ['operator'],
  pin: ['operator'],
  unpin: ['operator'],
  download: ['analyst'],
  inspect: ['analyst'],
  search: ['analyst'],
  verify: ['analyst'],
  members: ['analyst'],
  member: ['analyst'],
  extractMembers: ['analyst'],
  diff: ['analyst'],
  memory: ['analyst'],
  memoryContent: ['analyst'],
  core: ['analyst'],
  image: ['analyst'],
  extract: ['analyst'],
};

test('each role may do what its rules say, on every path, and strangers nothing', needsRuntime, async (t) => {
  const node = await startNode(t);
  const parts = { namespace: 'n', pod: 'p', container: 'c', checkpoint: 'x.tar', operation: 'o' };
  for (const name of endpointNames) {
    const { method } = endpointOf(name);
    const path = targetOf(name, parts);
    for (const role of roles) {
      const { status } = await ask(trust, port(node), path, { method, ...as(role) });
      const may = role === 'root' || (allowed[name] ?? []).includes(role);
      assert.equal(status !== 403, may, `${role} ${method} ${path}: ${status}`);
      assert.notEqual(status, 401);
    }
    const strangers = [{}, { as: trust.stranger }, { as: trust.expired }, { as: trust.wrongUse }];
    for (const who of strangers) {
      const { status, body } = await ask(trust, port(node), path, { method, ...who });
      assert.equal(status, name === 'live' ? 200 : 401, `${method} ${path}`);
      if (name !== 'live') assert.equal(body, 'Unauthorized');
    }
  }
});

/** What somebody might write in place of a name. */
const evil = [
  ...[
    '.',
    '..',
    '%2e',
    '%2e%2e',
    '%2E.',
    '..%2f',
    '..%2Fcanary.tar',
    '%2e%2e%2fcanary.tar',
    '..%5ccanary.tar',
  ],
  ...[
    '%2fetc%2fpasswd',
    'sub%2finner.tar',
    '%00',
    'x.tar%00',
    '%252e%252e%252fcanary.tar',
    'canary.tar%2f..',
  ],
  ...['.1234', 'checkpointed.pods', 'x.tar.keep', '*', '%ff', '%'],
];

test('no part of any path leads out of its place', needsRuntime, async (t) => {
  const node = await startNode(t);
  const canary = join(node.root, 'canary.tar');
  writeFileSync(canary, 'canary');
  mkdirSync(join(node.checkpoints, 'sub'));
  writeFileSync(join(node.checkpoints, 'sub/inner.tar'), 'canary');
  writeFileSync(join(node.checkpoints, '.1234'), 'canary');
  const names = readdirSync(node.root, { recursive: true });
  let asked = 0;
  for (const name of endpointNames) {
    const { method, path } = endpointOf(name);
    for (const [part] of path.matchAll(/\{\w+\}/g)) {
      for (const value of evil) {
        const target = path.replace(part, value).replaceAll(/\{\w+\}/g, 'x');
        const { status, body } = await ask(trust, port(node), target, { method, ...as('root') });
        // With a folder's dots resolved away it is another path; none of ours shows anything for it.
        assert.ok(status >= 400 && status < 500, `${method} ${target}: ${status} ${body}`);
        assert.doesNotMatch(body, /canary\n|root:/);
        asked++;
      }
    }
  }
  for (const value of evil) {
    const target = `/apis/stasis/v1/state/content?file=${value.replaceAll('%', '%25')}`;
    assert.equal(
      (await ask(trust, port(node), target, { method: 'GET', ...as('root') })).status,
      404,
      target,
    );
  }
  assert.ok(asked > 200);
  assert.equal(readFileSync(canary, 'utf8'), 'canary');
  assert.deepEqual(readdirSync(node.root, { recursive: true }), names);
});

test('bodies and queries that are not right are refused, each by its name', needsRuntime, async (t) => {
  const node = await startNode(t);
  const post = (path: string, body: string) =>
    ask(trust, port(node), path, { method: 'POST', body, ...as('root') });
  const search = '/apis/stasis/v1/checkpoints/x.tar/search';
  const [convert, edit, extract] = ['convert', 'edit', 'extract'].map((name) =>
    search.replace('search', name),
  );
  const wrong: readonly [path: string, body: string, status: number, message: RegExp][] = [
    [search, '{', 400, /the body is not JSON/],
    [search, '{"patern":"x"}', 400, /patern is not supported here/],
    [search, '{"pattern":"x","limit":0}', 400, /limit is not a whole number from 1 to 100000/],
    [search, '{}', 400, /neither pattern nor secrets/],
    [search, `{"pattern":"${'x'.repeat(5000)}"}`, 400, /pattern is .* at most 4096 characters/],
    [search, `{"pattern":"${'x'.repeat(2 << 20)}"}`, 507, /more than 1048576 bytes/],
    [`${search}?nonsense=1`, '{"pattern":"x"}', 400, /nonsense.* is no parameter of this path/],
    [`${convert}`, '{"to":"stasis","output":"/etc/passwd"}', 400, /output is not supported here/],
    [`${convert}`, '{"to":"stasis","bundle":"/run"}', 400, /bundle is not supported here/],
    [`${edit}`, '{}', 400, /none of ports, annotations and image/],
    [`${extract}`, '{"members":[]}', 400, /members names none/],
    ['/apis/stasis/v1/restore', '{"archive":"relative.tar"}', 400, /archive is .* not the absolute path/],
    ['/apis/stasis/v1/drain?timeout=-1', '', 400, /timeout is .*-1.*, not a whole number/],
    ['/apis/stasis/v1/drain?timeout=1&timeout=2', '', 400, /timeout is given twice/],
  ];
  for (const [path, body, status, message] of wrong) {
    const answer = await post(path, body);
    assert.equal(answer.status, status, `${path} ${body.slice(0, 40)}: ${answer.body}`);
    assert.match(answer.body, message);
  }
  assert.doesNotMatch(node.log, /xxxxx/);
});

/** Looks while `work` goes on whether anybody but root could have read what it wrote. */
async function watched(folders: readonly string[], work: () => Promise<void>): Promise<Exposure> {
  const watcher = new Worker(new URL('./exposure-watcher.ts', import.meta.url), { workerData: folders });
  try {
    await work();
    const told = new Promise<Exposure>((resolve, reject) => {
      watcher.once('message', resolve);
      watcher.once('error', reject);
    });
    watcher.postMessage('stop');
    return await told;
  } finally {
    await watcher.terminate();
  }
}

/** Files get all the modes that their makers ask for, as if nobody had set a mask. */
function withoutMask(t: TestContext): void {
  const mask = process.umask(0);
  atEnd(t, () => process.umask(mask));
}

test('a checkpoint’s bytes are root’s alone at every instant', needsRuntime, async (t) => {
  withoutMask(t);
  const node = new TestNode(t);
  node.manifest(
    'one',
    `{apiVersion: v1, kind: Pod, metadata: {name: one, namespace: default}, spec: {terminationGracePeriodSeconds: 0,
      containers: [{name: main, image: "rootdir:${image}", command: [/bin/load, memory, "64"]}]}}`,
  );
  await node.start();
  await node.running('one', 'main');
  await until('it has its memory', () => node.output('one', 'main').length > 0);
  const client = node.client();
  const folders = [node.checkpoints, join(node.folder, 'runtime/scratch')];
  const found = await watched(folders, async () => {
    const made = await client.makeContainerCheckpoint(
      { namespace: 'default', pod: 'one', container: 'main' },
      undefined,
      signal(),
    );
    await client.pin(made.name, '', signal());
    await client.checkpointPod('default', 'one', undefined, signal());
  });
  assert.deepEqual(found.exposed, []);
  assert.ok(found.looks > 20, `${found.looks} looks`);
  assert.ok(
    found.files.some((file) => /pages-1\.img$/.test(file)),
    'memory was seen while it was written',
  );
  assert.ok(
    found.files.some((file) => /\/\.\d+$/.test(file)),
    'archives were seen before they had their names',
  );
});

test('on containerd, too', needsRuntime, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'stasis-ctd-'));
  const node = new TestNode(t, [
    '--container-runtime-endpoint',
    `unix://${join(folder, 'c/containerd.sock')}`,
  ]);
  // The node was made first, so that it is ended before containerd is.
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  withoutMask(t);
  const ctd = await containerdWithLoad(t, { folder });
  await node.start();
  const container = await ctd.run('one', 'runc', ['memory', '32']);
  await grows(container.log);
  const found = await watched([node.checkpoints], async () => {
    const target = { namespace: 'default', pod: 'one', container: 'c' };
    await node.client().makeContainerCheckpoint(target, undefined, signal());
  });
  assert.deepEqual(found.exposed, []);
  assert.ok(
    found.files.some((file) => /\/\.\d+$/.test(file)),
    'the archive was seen before it had its name',
  );
});
