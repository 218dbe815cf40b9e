import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeIdentities, encodeIdentities, type ListedIdentity } from './identity-table.ts';

const identity: ListedIdentity = {
  engine: 'CRI-O',
  id: '95e5fbcd180f',
  name: 'c1 ü',
  image: 'test.local/bb:1',
  created: '2026-11-21T01:03:23.808124007Z',
  pod: 'p1',
  namespace: 'default',
  checkpointed: undefined,
};
const table = new Map([
  ['1:2:3:4:5', identity],
  ['1:2:3:4:6', { ...identity, checkpointed: '2026-11-21T01:03:23Z' }],
]);
const bytes = encodeIdentities(table, 'stasis 1');

test('decodeIdentities gives back what encodeIdentities was given', () => {
  assert.deepEqual(decodeIdentities(bytes, 'stasis 1'), table);
});

test('decodeIdentities takes nothing that another program wrote', () => {
  assert.equal(decodeIdentities(bytes, 'stasis 2'), undefined);
});

test('decodeIdentities takes nothing that is altered or cut off anywhere', () => {
  for (let at = 0; at < bytes.length; at++) {
    const altered = bytes.slice();
    altered[at] = (altered[at] ?? 0) ^ 1;
    assert.equal(decodeIdentities(altered, 'stasis 1'), undefined, `byte ${at}`);
    assert.equal(decodeIdentities(bytes.subarray(0, at), 'stasis 1'), undefined, `cut off at ${at}`);
  }
});

test('decodeIdentities takes no rows of another shape, whatever their sum', () => {
  const shapes: unknown[] = [
    { ...identity, checkpointed: 5 },
    { ...identity, checkpointed: ['x'] },
    { ...identity, checkpointed: 'x'.repeat(2000) },
  ];
  for (const shape of shapes) {
    const hostile = encodeIdentities(new Map([['1', shape as ListedIdentity]]), 'stasis 1');
    assert.equal(decodeIdentities(hostile, 'stasis 1'), undefined);
  }
});

test('encodeIdentities leaves out what is longer than any usual text', () => {
  const long = new Map([...table, ['1:2:3:4:7', { ...identity, image: 'x'.repeat(2000) }] as const]);
  assert.deepEqual(decodeIdentities(encodeIdentities(long, 'stasis 1'), 'stasis 1'), table);
});
