import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMinor } from './kubernetes-minor.ts';
import { MalformedValue } from './malformed-value.ts';

test('parseMinor takes 1.31, v1.31.4 and 31, and nothing that only looks like a version', () => {
  for (const text of ['1.31', 'v1.31.4', '31']) assert.equal(parseMinor(text), 31);
  for (const text of ['9.9', '2.31', '31.4', '1.31.', '1.99', '1.5', '']) {
    assert.throws(() => parseMinor(text), MalformedValue, text);
    assert.throws(() => parseMinor(text), { code: 'invalid-argument', message: /Kubernetes/ }, text);
  }
});
