import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressBytes, addressText } from './ip-address.ts';

test('addressText, addressBytes: RFC 5952 and back', () => {
  const texts = [
    '127.0.0.1',
    '::',
    '::1',
    '2001:db8::1',
    '2001:db8:0:1:1:1:1:1',
    '2001:0:0:1::1',
    'fe80::',
    '::ffff:10.1.2.3',
  ];
  for (const text of texts) assert.equal(addressText(addressBytes(text)), text);
  assert.equal(addressText(addressBytes('2001:DB8:0:0:1:0:0:1')), '2001:db8::1:0:0:1');
});

test('addressBytes: refuses what is no address', () => {
  for (const text of ['', '1.2.3', '256.1.1.1', '1:2', ':::', '1::2::3', '12345::', '::1.2.3', 'g::']) {
    assert.throws(() => addressBytes(text), text);
  }
});
