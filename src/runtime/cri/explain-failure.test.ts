import assert from 'node:assert/strict';
import { createServer } from 'node:http2';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { folderFor } from '../../../test/runtime.ts';
import { isCoded } from '../../errors/coded-error.ts';
import { RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { openCriRuntime } from './cri-runtime.ts';
import { explainFailure } from './explain-failure.ts';
import { quirksOf } from './known-runtimes.ts';

const rows: readonly [runtime: string, code: Code, words: string, hint: RegExp][] = [
  [
    'containerd',
    Code.Unimplemented,
    'method CheckpointContainer not implemented',
    /containerd 2\.1 or newer/,
  ],
  [
    'containerd',
    Code.Unknown,
    'failed to checkpoint container "a": criu support is disabled by configuration',
    /enable_criu = true .*config\.toml/,
  ],
  [
    'containerd',
    Code.Unknown,
    'CRIU binary not found or too old (<31600). Failed to checkpoint container "a": x',
    /install criu 3\.16/,
  ],
  [
    'containerd',
    Code.Unknown,
    'failed to checkpoint container "a": criu binary not found in shim path or system PATH',
    /install criu/,
  ],
  [
    'containerd',
    Code.Unknown,
    'failed to checkpoint container "a": checkpoint/restore requires at least CRIU 31600, current version is 30000',
    /install criu/,
  ],
  ['containerd', Code.Unknown, 'write /x: no space left on device', /free space/],
  ['containerd', Code.DeadlineExceeded, 'the operation timed out', /timeout=/],
  ['containerd', Code.Unavailable, 'connect ECONNREFUSED /run/x.sock', /has ended or is starting/],
  [
    'cri-o',
    Code.Unknown,
    'checkpoint/restore support not available',
    /enable_criu_support = true .*crio\.conf/,
  ],
  ['cri-o', Code.Unknown, 'failed to pause container "a" before checkpointing: x', /frozen/],
];

test('explainFailure names the option or package for each known failure', () => {
  for (const [runtime, code, words, hint] of rows) {
    const { failures } = quirksOf(runtime);
    assert.match(explainFailure(new ConnectError(words, code), failures).hint ?? '', hint, words);
  }
  assert.deepEqual(explainFailure(new ConnectError('something else', Code.Unknown), []), {});
});

test('explainFailure finds the log that a runtime names', () => {
  const words =
    'OCI runtime checkpoint failed: criu failed: type NOTIFY errno 0\nlog file: /run/x/dump.log path= /run/y/criu-dump.log: unknown';
  assert.equal(explainFailure(new ConnectError(words, Code.Unknown), []).log, '/run/x/dump.log');
});

/** Somebody who answers on a socket as `name` `version` and knows no more than the given methods. */
async function answering(
  t: TestContext,
  name: string,
  version: string,
  checkpoint?: () => never,
): Promise<string> {
  const path = join(folderFor(t, 'cri'), 's.sock');
  const routes = (router: ConnectRouter): void => {
    router.service(RuntimeService, {
      version: () => ({
        version: '0.1.0',
        runtimeName: name,
        runtimeVersion: version,
        runtimeApiVersion: 'v1',
      }),
      ...(checkpoint ? { checkpointContainer: checkpoint } : {}),
    });
  };
  const server = createServer(connectNodeAdapter({ connect: false, grpcWeb: false, routes }));
  server.listen(path);
  await new Promise((done) => server.once('listening', done));
  t.after(() => server.close());
  return path;
}

const refusals: readonly [name: string, version: string, hint: RegExp][] = [
  ['containerd', '1.7.24', /upgrade to containerd 2\.1/],
  ['containerd', 'v1.6.8', /upgrade to containerd 2\.1/],
  ['docker', '28.0.1', /move this node to containerd/],
  ['cri-o', '1.24.6', /upgrade CRI-O/],
  ['other', '9.9', /no checkpoints/],
];

test('openCriRuntime finds out who cannot checkpoint, and says what to do', async (t) => {
  for (const [name, version, hint] of refusals) {
    const path = await answering(t, name, version);
    const runtime = await openCriRuntime({ path, notes: '/nonexistent' });
    t.after(() => runtime.close());
    assert.equal(runtime.facts.name, name);
    assert.ok(!runtime.ability.can && runtime.ability.never, name);
    assert.match(runtime.ability.hint ?? '', hint);
  }
  const able = await answering(t, 'cri-o', '1.37.0', () => {
    throw new ConnectError('could not find container "0": x', Code.NotFound);
  });
  const runtime = await openCriRuntime({ path: able, notes: '/nonexistent' });
  t.after(() => runtime.close());
  assert.deepEqual(runtime.ability, { can: true });
});

test('openCriRuntime refuses a runtime that speaks an older CRI', async (t) => {
  const path = join(folderFor(t, 'cri'), 's.sock');
  const server = createServer(connectNodeAdapter({ connect: false, grpcWeb: false, routes: () => {} }));
  server.listen(path);
  await new Promise((done) => server.once('listening', done));
  t.after(() => server.close());
  await assert.rejects(openCriRuntime({ path, notes: '/nonexistent' }), (error: unknown) =>
    isCoded(error, 'unsupported'),
  );
});
