import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributesOf } from './attributes.ts';
import { localPolicy, parsePolicy } from './policy.ts';

const head = 'apiVersion: stasis/v1\nkind: Policy\n';
const never = new AbortController().signal;

test('localPolicy grants what a rule says and nothing else', async () => {
  const rules = parsePolicy(
    `${head}rules:
- {users: [ann], verbs: [create], resources: [nodes/checkpoint]}
- {groups: [ops], verbs: ['*'], resources: ['nodes/*']}
- {groups: [watch], verbs: [get], resources: [nodes/proxy]}
`,
    'p',
  );
  const may = (user: string, groups: string[], method: string, path: string) =>
    localPolicy(() => rules)({ name: user, uid: '', groups }, attributesOf(method, path, 'n'), never);
  assert.equal(await may('ann', [], 'POST', '/checkpoint/a/b/c'), true);
  assert.equal(await may('ann', [], 'GET', '/checkpoint/a/b/c'), false);
  assert.equal(await may('ann', [], 'POST', '/apis/stasis/v1/pods/a/b/checkpoint'), true);
  assert.equal(await may('ann', [], 'POST', '/apis/stasis/v1/drain'), false);
  assert.equal(await may('bob', ['ops'], 'POST', '/apis/stasis/v1/drain'), true);
  assert.equal(await may('eve', ['watch'], 'GET', '/apis/stasis/v1/pods'), true);
  assert.equal(await may('eve', ['watch'], 'GET', '/apis/stasis/v1/checkpoints'), false);
  assert.equal(await may('eve', ['watch'], 'POST', '/checkpoint/a/b/c'), false);
  assert.equal(await may('system:anonymous', ['system:unauthenticated'], 'GET', '/healthz'), false);
});

test('parsePolicy names what it does not know', () => {
  const wrong: [string, RegExp][] = [
    ['a: 1', /not apiVersion/],
    [`${head}rules: 5`, /rules is not a list/],
    [`${head}rule: []`, /unknown field rule/],
    [`${head}rules: [{users: [a], verb: [x]}]`, /rules\[0\]\.verb is not known/],
    [`${head}rules: [{users: a}]`, /rules\[0\]\.users is not a list/],
    [`${head}rules: [{verbs: [get], resources: ['*']}]`, /names neither users nor groups/],
    [`${head}rules: [{users: [a], resources: ['*']}]`, /verbs is empty/],
    [`${head}rules: [{users: [a], verbs: [get]}]`, /resources is empty/],
    ['a: [', /^reading p: /],
    [`${head}${head}`, /^reading p: Map keys must be unique/],
  ];
  for (const [text, message] of wrong) assert.throws(() => parsePolicy(text, 'p'), { message });
});
