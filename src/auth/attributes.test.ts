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

test('attributesOf tells making, listing and showing checkpoints apart', () => {
  const api = '/apis/stasis/v1';
  const wanted: Record<string, string> = {
    [`POST ${api}/pods/a/b/checkpoint`]: 'create checkpoint',
    [`POST ${api}/pods/a/b/containers/c/checkpoint`]: 'create checkpoint',
    [`GET ${api}/pods/a/b`]: 'get pods,proxy',
    [`POST ${api}/pods/a/b/exec`]: 'create exec',
    [`POST ${api}/pods/a/b/attach`]: 'create attach',
    [`POST ${api}/pods/a/b/portforward`]: 'create portforward',
    [`GET ${api}/pods/a/b/log`]: 'get log,proxy',
    [`GET ${api}/cpus`]: 'get pods,proxy',
    [`DELETE ${api}/pods/a/b`]: 'delete pods,proxy',
    [`GET ${api}/checkpoints`]: 'get checkpoint',
    [`GET ${api}/checkpoints/x`]: 'get checkpoint',
    [`PUT ${api}/checkpoints/x/pin`]: 'update checkpoint',
    [`DELETE ${api}/checkpoints/x`]: 'delete checkpoint',
    [`GET ${api}/checkpoints/x/archive`]: 'get checkpoint-content',
    [`GET ${api}/checkpoints/x/inspect`]: 'get checkpoint-content',
    [`POST ${api}/checkpoints/x/search`]: 'get checkpoint-content',
    [`GET ${api}/checkpoints/x/member`]: 'get checkpoint-content',
    [`GET ${api}/checkpoints/x/members`]: 'get checkpoint-content',
    [`POST ${api}/checkpoints/x/extract`]: 'get checkpoint-content',
    [`GET ${api}/checkpoints/x/diff`]: 'get checkpoint-content',
    [`GET ${api}/checkpoints/x/verify`]: 'get checkpoint-content',
    [`GET ${api}/checkpoints/x/memory`]: 'get checkpoint-content',
    [`GET ${api}/checkpoints/x/memory/content`]: 'get checkpoint-content',
    [`GET ${api}/checkpoints/x/core`]: 'get checkpoint-content',
    [`GET ${api}/checkpoints/x/image`]: 'get checkpoint-content',
    [`POST ${api}/insert`]: 'insert checkpoint',
    [`GET ${api}/extract`]: 'get checkpoint-content',
    [`POST ${api}/checkpoints/x/convert`]: 'convert checkpoint',
    [`POST ${api}/checkpoints/x/edit`]: 'edit checkpoint',
    [`DELETE ${api}/operations/x`]: 'delete checkpoint',
    [`GET ${api}/state/content`]: 'get state',
    [`GET ${api}/state/diff`]: 'get state',
    [`GET ${api}/state/preflight`]: 'get state',
    [`POST ${api}/state/repair`]: 'repair state',
    [`POST ${api}/state/convert`]: 'convert state',
    [`POST ${api}/state/reset`]: 'reset state',
    [`GET ${api}/state/reset`]: 'get state',
    [`POST ${api}/drain`]: 'create drain',
    'GET /readyz': 'get healthz,proxy',
  };
  for (const [request, expected] of Object.entries(wanted)) {
    const [method = '', path = ''] = request.split(' ');
    const { verb, subresources } = attributesOf(method, path, 'n');
    assert.equal(`${verb} ${subresources.join()}`, expected, request);
  }
});

test('forbiddenText is the text of the kubelet', () => {
  const user = { name: 'u', uid: '', groups: [] };
  assert.equal(
    forbiddenText(user, attributesOf('POST', '/healthz', 'n')),
    'Forbidden (user=u, verb=create, resource=nodes, subresource(s)=[healthz proxy])\n',
  );
});
