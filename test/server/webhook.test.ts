import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { firstOf } from '../../src/auth/authenticator.ts';
import { clientCertificate } from '../../src/auth/client-certificate.ts';
import { subjectAccessReviews } from '../../src/auth/subject-access-review.ts';
import { tokenReviews } from '../../src/auth/token-review.ts';
import { kubeconfigSend, readKubeconfig } from '../../src/kube/kubeconfig.ts';
import type { Checkpointer } from '../../src/pods/checkpointer.ts';
import { RequestLimits } from '../../src/server/limits.ts';
import { atEnd, folderFor } from '../runtime.ts';
import { startApiServer } from './api-server.ts';
import { ask, makeTrust, serve } from './harness.ts';

const trust = makeTrust();
const checkpointer: Checkpointer = {
  containersOf: async () => ['c'],
  checkpoint: async () => ({ path: '/checkpoints/made.tar' }),
};
const path = '/checkpoint/default/p/c';

/** Our server, which asks an API server through a kubeconfig on disk. */
async function start(
  t: TestContext,
  seconds = { cacheSeconds: 120, allowedSeconds: 300, deniedSeconds: 30 },
) {
  const api = await startApiServer(trust);
  atEnd(t, async () => api.close());
  const folder = await folderFor(t);
  await writeFile(join(folder, 'ca.crt'), trust.ca.certificate);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'node',
    clusters: [{ name: 'c', cluster: { server: `${api.url}/proxied/`, 'certificate-authority': 'ca.crt' } }],
    users: [
      {
        name: 'u',
        user: {
          'client-certificate-data': Buffer.from(trust.viewer.certificate).toString('base64'),
          'client-key-data': Buffer.from(trust.viewer.key).toString('base64'),
        },
      },
    ],
    contexts: [{ name: 'node', context: { cluster: 'c', user: 'u' } }],
  };
  await writeFile(join(folder, 'kubeconfig'), JSON.stringify(config));
  const send = kubeconfigSend(await readKubeconfig(join(folder, 'kubeconfig')));
  const patience = { firstWait: 1, tries: 5, timeout: 10_000 };
  const { server, audit } = await serve(
    trust,
    checkpointer,
    subjectAccessReviews(send, { ...seconds, patience }),
    new RequestLimits(),
    firstOf([clientCertificate, tokenReviews(send, { ...seconds, patience })]),
  );
  atEnd(t, () => server.close(1000));
  const as = (token: string) =>
    ask(trust, server.port, path, { headers: { authorization: `Bearer ${token}` } });
  return { api, as, audit, port: server.port };
}

test('tokens and permissions are asked of the API server once, in the kubelet’s attributes', async (t) => {
  const { api, as } = await start(t);
  assert.equal((await as('good')).status, 200);
  assert.equal((await as('good')).status, 200);
  assert.deepEqual(api.asked, [
    { path: '/proxied/apis/authentication.k8s.io/v1/tokenreviews', spec: { token: 'good' } },
    {
      path: '/proxied/apis/authorization.k8s.io/v1/subjectaccessreviews',
      spec: {
        resourceAttributes: {
          verb: 'create',
          version: 'v1',
          resource: 'nodes',
          subresource: 'checkpoint',
          name: 'node',
        },
        user: 'system:serviceaccount:ops:saver',
        groups: ['system:serviceaccounts', 'checkpointers', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/pod-name': ['saver-0'] },
        uid: 'u1',
      },
    },
  ]);
});

test('unknown tokens, those of another audience and those without permission are kept out', async (t) => {
  const { as } = await start(t);
  for (const token of ['unknown', 'for-vault']) {
    const { status, body } = await as(token);
    assert.deepEqual([status, body], [401, 'Unauthorized']);
  }
  const { status, body } = await as('powerless');
  assert.equal(status, 403);
  assert.equal(body, 'Forbidden (user=eve, verb=create, resource=nodes, subresource(s)=[checkpoint])\n');
});

test('a client certificate needs no token review, and its permission is asked for', async (t) => {
  const { api, port } = await start(t);
  assert.equal((await ask(trust, port, path, { as: trust.admin })).status, 403);
  assert.deepEqual(
    api.asked.map(({ spec }) => [spec['user'], spec['groups']]),
    [['admin', ['system:masters', 'second', 'system:authenticated']]],
  );
});

test('an API server that fails for a moment is asked again; one that fails for good lets nobody in', async (t) => {
  const { api, as, audit } = await start(t);
  api.failing.push(500, 429);
  assert.equal((await as('good')).status, 200);
  assert.equal(api.asked.length, 4);
  const other = await start(t);
  other.api.failing.push(403);
  assert.equal((await other.as('good')).status, 401);
  other.api.failing.push(0, 403);
  const { status, body } = await other.as('good');
  assert.equal(status, 500);
  assert.equal(
    body,
    'Authorization error (user=system:serviceaccount:ops:saver, verb=create, resource=nodes, subresource=checkpoint)',
  );
  // A failure is not kept.
  assert.equal((await other.as('good')).status, 200);
  assert.doesNotMatch(JSON.stringify([audit, other.audit]), /"good"|Bearer/);
});

test('an API server that is gone leaves 401 and 500, and what was decided holds', async (t) => {
  const { api, as, port } = await start(t);
  assert.equal((await as('good')).status, 200);
  api.close();
  assert.equal((await as('good')).status, 200);
  assert.equal((await as('powerless')).status, 401);
  assert.equal((await ask(trust, port, path, { as: trust.admin })).status, 500);
});
