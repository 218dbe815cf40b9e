import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Http2Session } from 'node:http2';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { atEnd, folderFor } from '../../../test/runtime.ts';
import { isCoded } from '../../errors/coded-error.ts';
import { PodResourcesLister } from '../../gen/podresources/v1/api_pb.ts';
import { podResources } from './pod-resources.ts';

/** A gRPC server where a kubelet has it; returns the kubelet's root directory. */
async function serve(t: TestContext, routes: (router: ConnectRouter) => void): Promise<string> {
  const root = folderFor(t, 'kubelet');
  mkdirSync(join(root, 'pod-resources'));
  const sessions = new Set<Http2Session>();
  const server = createServer(connectNodeAdapter({ routes }));
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((done) => server.listen(join(root, 'pod-resources/kubelet.sock'), done));
  atEnd(t, () => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return root;
}

test('podResources reads CPUs and the devices of all NUMA nodes from a gRPC server', async (t) => {
  const root = await serve(t, (router) =>
    router.service(PodResourcesLister, {
      list: () => ({
        podResources: [
          { name: 'plain', namespace: 'default', containers: [{ name: 'c' }] },
          {
            name: 'pinned',
            namespace: 'prod',
            containers: [
              {
                name: 'app',
                cpuIds: [130n, 2n, 3n],
                devices: [
                  { resourceName: 'x.io/gpu', deviceIds: ['a', 'b'] },
                  { resourceName: 'x.io/gpu', deviceIds: ['c'] },
                ],
              },
            ],
          },
        ],
      }),
    }),
  );
  assert.deepEqual(
    await podResources(root),
    new Map([
      ['default/plain/c', { cpus: [], devices: new Map() }],
      ['prod/pinned/app', { cpus: [2, 3, 130], devices: new Map([['x.io/gpu', ['a', 'b', 'c']]]) }],
    ]),
  );
});

test('podResources takes the answer of a node full of pods', async (t) => {
  const containers = Array.from({ length: 20 }, (_, i) => ({ name: `c${i}`, cpuIds: [BigInt(i)] }));
  const pods = Array.from({ length: 500 }, (_, i) => ({ name: `p${i}`, namespace: 'n', containers }));
  const root = await serve(t, (router) =>
    router.service(PodResourcesLister, { list: () => ({ podResources: pods }) }),
  );
  const found = await podResources(root);
  assert.ok(found);
  assert.equal(found.size, 10_000);
  assert.deepEqual(found.get('n/p499/c19')?.cpus, [19]);
});

test('podResources says why there is no answer', async (t) => {
  const refused = await serve(t, (router) =>
    router.service(PodResourcesLister, {
      list() {
        throw new ConnectError('rejected by rate limit', Code.ResourceExhausted);
      },
    }),
  );
  const older = await serve(t, () => {});
  const nobody = folderFor(t, 'nobody');
  assert.equal(await podResources(nobody), undefined);
  mkdirSync(join(nobody, 'pod-resources'));
  writeFileSync(join(nobody, 'pod-resources/kubelet.sock'), '');
  for (const [root, words] of [
    [refused, /pod-resources\/kubelet\.sock for pod resources: rejected by rate limit/],
    [older, /404|unimplemented/i],
    [nobody, /ENOTSOCK|ECONNREFUSED/],
  ] as const) {
    await assert.rejects(podResources(root), (error) => {
      assert.ok(isCoded(error, 'unavailable'));
      assert.match(error.message, words);
      return true;
    });
  }
});
