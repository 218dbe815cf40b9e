import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded, messageOf } from '../errors/coded-error.ts';
import { firstOf } from './authenticator.ts';
import { parseTokenFile, staticTokens } from './token-file.ts';

const never = new AbortController().signal;

test('parseTokenFile reads users, quoted groups and quoted quotes', async () => {
  const users = parseTokenFile('# comment\n\na,alice,1,"dev, ops"\r\n"b ""q""",bob,\n', 'f');
  const authenticate = firstOf([staticTokens(() => users)]);
  const as = (authorization: string) => authenticate({ authorization, socket: undefined }, never);
  assert.deepEqual(await as('Bearer a'), {
    name: 'alice',
    uid: '1',
    groups: ['dev', 'ops', 'system:authenticated'],
  });
  assert.equal(await as('Bearer A'), undefined);
  assert.equal(await as('Basic a'), undefined);
  assert.equal(await as('Bearer a b'), undefined);
  assert.equal(users.size, 2);
});

test('parseTokenFile names the line of a mistake and never its token', () => {
  for (const text of [
    'good,u,1\nsecret,only-user',
    'good,u,1\nsecret,"u,1',
    'secret,u,1\nsecret,v,2',
    'x,u,1\n,u,1',
  ]) {
    assert.throws(
      () => parseTokenFile(text, 'tokens.csv'),
      (error) =>
        isCoded(error, 'invalid-argument') &&
        /^reading tokens.csv: .*line 2/.test(error.message) &&
        !messageOf(error).includes('secret'),
    );
  }
});

test('firstOf lets nobody in anonymously unless asked, and never with wrong credentials', async () => {
  const none = { authorization: undefined, socket: undefined };
  assert.equal(await firstOf([])(none, never), undefined);
  assert.equal((await firstOf([], { anonymous: true })(none, never))?.name, 'system:anonymous');
  assert.equal(
    await firstOf([], { anonymous: true })({ ...none, authorization: 'Bearer x' }, never),
    undefined,
  );
});
