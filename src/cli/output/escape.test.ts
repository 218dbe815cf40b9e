import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable, printableLines, quote } from './escape.ts';

test('printable lets nothing through that acts on a terminal', () => {
  assert.equal(printable('a\u001b[31mred\u0000\n\t\u007f\u009b'), 'a\\x1b[31mred\\x00\\n\\t\\x7f\\u009b');
  assert.equal(printable('left\u202eright\u2066\u200b\ufeff'), 'left\\u202eright\\u2066\\u200b\\ufeff');
  assert.equal(printable('tag\u{e0041}'), 'tag\\U000e0041');
  assert.equal(printable('lone \ud800'), 'lone \\ud800');
});

test('printable leaves letters of all scripts and emoji alone', () => {
  assert.equal(printable('日本 שלום é 😀'), '日本 שלום é 😀');
});

test('printableLines keeps line breaks and nothing else', () => {
  assert.equal(printableLines('a\n\tb\r\u001b'), 'a\n\tb\\r\\x1b');
});

test('quote writes a string as Go does', () => {
  assert.equal(quote('a"b\\c\n'), '"a\\"b\\\\c\\n"');
});
