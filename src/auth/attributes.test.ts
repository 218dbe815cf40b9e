import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributesOf, forbiddenText } from './attributes.ts';

test('attributesOf maps methods and paths as the kubelet does', () => {
  const verbs = {
    POST: 'create',
    GET: 'get',
    PUT: 'update',
    PATCH: 'patch',
    DELETE: 'delete',
    HEAD: '',
    FOO: '',
  };
  for (const [method, verb] of Object.entries(verbs)) {
    const attributes = attributesOf(method, '/checkpoint/a/b/c', 'n1');
    assert.deepEqual(attributes, {
      verb,
      apiGroup: '',
      apiVersion: 'v1',
      resource: 'nodes',
      subresources: ['checkpoint'],
      name: 'n1',
    });
  }
  const sub = (path: string) => attributesOf('GET', path, 'n').subresources.join();
  assert.equal(sub('/checkpoint'), 'checkpoint');
  assert.equal(sub('/checkpoint/'), 'checkpoint');
  assert.equal(sub('/checkpointx'), 'proxy');
  assert.equal(sub('/healthz'), 'healthz,proxy');
  assert.equal(sub('/metrics'), 'metrics');
  assert.equal(sub('/apis/stasis/v1/devices'), 'pods,proxy');
  assert.equal(sub('/'), 'proxy');
});

test('forbiddenText is the text of the kubelet', () => {
  const user = { name: 'u', uid: '', groups: [] };
  assert.equal(
    forbiddenText(user, attributesOf('POST', '/healthz', 'n')),
    'Forbidden (user=u, verb=create, resource=nodes, subresource(s)=[healthz proxy])\n',
  );
});
