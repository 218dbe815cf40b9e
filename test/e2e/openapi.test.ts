import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { HttpStream } from '../../src/api/client.ts';
import { type EndpointName, endpointNames, endpointOf, targetOf } from '../../src/api/endpoints.ts';
import type { Operation } from '../../src/api/stasis.ts';
import { eventsIn } from '../../src/api/text-stream.ts';
import { writeTar } from '../../src/archive/tar-writer.ts';
import { httpsStream } from '../../src/kube/https-send.ts';
import { keepGeneration } from '../../src/localfs/generations.ts';
import { makeRootfs } from '../engines/image.ts';
import { needsRuntime } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

const image = mkdtempSync(join(tmpdir(), 'stasis-image-'));
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(image, ['counter']);
});

const manifest = `
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: default}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: "rootdir:${image}", command: [/bin/counter]}]
`;

/** What `extract` makes of one pod. */
const listed = {
  'checkpointed.pods': JSON.stringify({
    version: 0,
    CheckpointedPods: [{ SandboxID: 'other', 'io.kubernetes.pod.name': 'p', Containers: [] }],
  }),
  'other.tar': 'memory',
};

function tarOf(members: Readonly<Record<string, string>>): AsyncIterable<Uint8Array> {
  return writeTar(Object.entries(members).map(([name, text]) => ({ name, content: Buffer.from(text) })));
}

interface Asked {
  upload?: AsyncIterable<Uint8Array>;
  parts?: Record<string, string>;
  query?: Record<string, string | boolean>;
  body?: unknown;
  headers?: Record<string, string>;
  status?: number;
}

type Document = Readonly<Record<string, unknown>>;
type Ask = (name: EndpointName, asked?: Asked) => Promise<string>;

async function textOf({ body }: HttpStream): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** Asks, and holds the answer against what the document says of this status. */
function asker(node: TestNode, document: () => Document, seen: Set<string>): Ask {
  const { server, token, certificate } = node.file();
  const send = httpsStream({ server, token, pinned: certificate });
  return async (name, { parts, query, body, upload, headers, status = 200 } = {}) => {
    const { method, path, answers, body: schema } = endpointOf(name);
    const sent = body === undefined ? (upload ? { upload } : {}) : { body: JSON.stringify(body) };
    if (schema && body !== undefined) assert.deepEqual(against(document(), schema, body), []);
    const target = targetOf(name, parts, query);
    const answer = await send({ method, path: target, ...(headers ? { headers } : {}), ...sent }, signal());
    const text = await textOf(answer);
    assert.equal(answer.status, status, `${method} ${path}: ${text}`);
    seen.add(`${name} ${status}`);
    const wanted = answers[status];
    const shape = wanted?.schema ?? (status >= 400 ? 'Error' : undefined);
    if (shape) {
      assert.equal(answer.headers['content-type'], 'application/json');
      assert.deepEqual(against(document(), shape, JSON.parse(text)), [], `${method} ${path}: ${text}`);
    } else assert.equal(answer.headers['content-type'], wanted?.type, `${method} ${path}`);
    return text;
  };
}

/** What of a value is not as the document's schema of this name says. */
function against(document: Document, schema: string, value: unknown): string[] {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
  ajv.addVocabulary(['openapi', 'info', 'servers', 'security', 'paths', 'components']);
  ajv.addSchema(document, 'document');
  const check = ajv.getSchema(`document#/components/schemas/${schema}`);
  assert.ok(check, `there is a schema ${schema}`);
  check(value);
  return (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

test('the OpenAPI document is right about every answer of a running daemon', needsRuntime, async (t) => {
  const node = new TestNode(t);
  node.manifest('one', manifest);
  await node.start();
  await node.running('one', 'main');
  writeFileSync(
    join(node.root, 'cpu_manager_state'),
    '{"policyName":"none","defaultCpuSet":"","checksum":1353318690}',
  );
  let document: Document = await node.client().document(signal());
  const seen = new Set<string>();
  const ask = asker(node, () => document, seen);
  document = JSON.parse(await ask('document'));
  const valid = await new Validator().validate(structuredClone(document));
  assert.deepEqual(valid.errors ?? [], [], 'it is OpenAPI 3.1');

  for (const name of [
    'live',
    'health',
    'metrics',
    'ready',
    'node',
    'runtime',
    'pods',
    'devices',
    'cpus',
  ] as const) {
    await ask(name);
  }
  await ask('ready', { query: { verbose: '' } });
  const pod = { namespace: 'default', pod: 'one' };
  const container = { ...pod, container: 'main' };
  await ask('pod', { parts: pod });
  await ask('exec', { parts: pod, body: { command: ['/bin/true'] } });
  await ask('attach', { parts: pod });
  await ask('portForward', { parts: pod, body: { ports: [80] } });
  await ask('log', { parts: pod, query: { tail: '1' } });
  await ask('kubeletCheckpoint', { parts: container });
  const made = JSON.parse(await ask('checkpointContainer', { parts: container, query: { timeout: '60' } }));
  const checkpoint = { checkpoint: String(made.name) };
  const whole = JSON.parse(await ask('checkpointPod', { parts: pod }));
  for (const [name, parts] of [
    ['checkpointPod', pod],
    ['checkpointContainer', container],
  ] as const) {
    const { id } = JSON.parse(await ask(name, { parts, query: { async: true }, status: 202 })) as Operation;
    const operation = { operation: id };
    const events = await ask('operationEvents', { parts: operation });
    for await (const event of eventsIn(piecesOf(events))) {
      assert.deepEqual(against(document, 'Operation', JSON.parse(event)), []);
    }
    await ask('operation', { parts: operation });
    await ask('operations');
    await ask('cancelOperation', { parts: operation });
    await ask('operation', { parts: operation, status: 404 });
  }
  await ask('checkpoints');
  await ask('pin', { parts: checkpoint });
  await ask('pin', { parts: checkpoint, body: { reason: 'why' } });
  await ask('checkpoint', { parts: checkpoint });
  await ask('deleteCheckpoint', { parts: checkpoint, status: 409 });
  await ask('unpin', { parts: checkpoint });
  const all = { processes: true, statistics: true, mounts: true, metadata: true, sections: 'all' };
  await ask('inspect', { parts: checkpoint, query: all });
  await ask('inspect', { parts: checkpoint, query: { nonsense: 'x' }, status: 400 });
  const lines = await ask('search', { parts: checkpoint, body: { pattern: 'ELF', limit: 2, context: 4 } });
  for (const line of lines.trim().split('\n')) {
    const value = JSON.parse(line);
    assert.deepEqual(against(document, 'end' in value ? 'SearchEnd' : 'SearchHit', value), [], line);
  }
  await ask('search', {
    parts: checkpoint,
    body: { pattern: 'x', as: 'regex', limit: 0 },
    status: 400,
  }).catch(
    // The request itself is not as the document says, which is found first.
    (error: Error) => assert.match(error.message, /limit must be >= 1/),
  );
  await ask('download', { parts: checkpoint });
  await ask('download', { parts: checkpoint, headers: { range: 'bytes=5-9' }, status: 206 });
  await ask('download', { parts: checkpoint, headers: { 'if-none-match': '*' }, status: 304 });
  for (const name of ['verify', 'members', 'memory', 'core'] as const) await ask(name, { parts: checkpoint });
  await ask('members', { parts: checkpoint, query: { deleted: true } });
  await ask('verify', { parts: checkpoint, query: { againstNode: true } });
  await ask('member', { parts: checkpoint, query: { name: 'spec.dump' } });
  await ask('member', { parts: checkpoint, query: { name: 'none' }, status: 404 });
  await ask('extractMembers', { parts: checkpoint, body: { members: ['spec.dump', 'config.dump'] } });
  await ask('diff', { parts: checkpoint, query: { with: checkpoint.checkpoint, files: true } });
  const pods = { parts: { checkpoint: `${whole.sandboxId}.tar` } };
  await ask('diff', { ...pods, query: { with: `${whole.sandboxId}.tar` } });
  await ask('memoryContent', { ...pods, query: { container: 'main', map: '[stack]' } });
  await ask('image', { parts: checkpoint, query: { name: 'counter:1' } });
  await ask('image', { ...pods, query: { name: 'counter:1' }, status: 501 });
  await ask('extract', { query: { compress: 'zstd' } });
  await ask('insert', { upload: tarOf(listed), status: 201 });
  await ask('insert', { upload: tarOf(listed), status: 409 });
  await ask('insert', { upload: tarOf({ x: '' }), status: 400 });
  await ask('convert', { ...pods, body: { to: 'stasis', container: 'main' }, status: 201 });
  await ask('convert', { ...pods, body: { to: 'stasis', container: 'other' }, status: 404 });
  await ask('edit', { parts: checkpoint, body: { annotations: { a: 'b', c: null } }, status: 201 });
  for (const name of ['stateFiles', 'verifyState'] as const) await ask(name);
  await ask('stateContent', { query: { file: 'cpu_manager_state' } });
  await ask('stateContent', { query: { file: '../../etc/passwd' }, status: 404 });
  await ask('stateDifferences', { query: { file: 'cpu_manager_state' }, status: 404 });
  keepGeneration(node.root, 'cpu_manager_state', 1);
  await ask('stateDifferences', { query: { file: 'cpu_manager_state' } });
  await ask('statePreflight', { query: { from: '1.31', to: '1.35' } });
  await ask('repairState');
  await ask('repairState', { body: { apply: true }, status: 409 });
  await ask('convertState', { body: { to: '1.17', containers: ['x=y/z'] } });
  await ask('resetState', { body: { afterReboot: true } });
  const restored = { archive: made.archive, name: 'two' };
  await ask('restorePreflight', { body: restored });
  await ask('restorePreflight', { body: { checkpoint: 'none.tar' }, status: 404 });
  await ask('restore', { body: restored });
  await ask('deletePod', { parts: { namespace: 'default', pod: 'two' }, status: 204 });
  await ask('deletePod', { parts: pod, status: 409 });
  await ask('deleteCheckpoint', { parts: checkpoint, query: { force: true }, status: 204 });
  await ask('drain');
  await ask('uncordon');
  assert.ok(whole.archive);

  const promised = endpointNames.flatMap((name) =>
    Object.keys(endpointOf(name).answers).map((status) => `${name} ${status}`),
  );
  assert.deepEqual(
    promised.filter((one) => !seen.has(one)),
    [],
    'every answer that the document promises was seen',
  );
});

async function* piecesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
