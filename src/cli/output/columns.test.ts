import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columns } from './columns.ts';

test('columns are as wide as their widest cell, end without spaces, and hide nothing', () => {
  assert.equal(
    columns([
      ['NAME', 'A', 'LAST'],
      ['x', 'wider', ''],
      ['\u001b[2J', '1', 'y'],
    ]),
    'NAME      A       LAST\nx         wider\n\\x1b[2J   1       y\n',
  );
});
