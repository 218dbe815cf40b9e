import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boxedTable } from './boxed-table.ts';

test('boxedTable merges equal neighbours of each column and centres headers', () => {
  const table = boxedTable(
    ['Pod', 'Namespace', 'Container', 'Image', 'Archive Found', 'Pod UID'],
    [
      ['pod1-name', 'default1', 'container1', 'image1', 'false', 'uid1'],
      ['pod1-name', 'default1', 'container2', 'image2', 'false', 'uid1'],
      ['pod2-name', 'default2', 'container3', 'image3', 'false', 'uid2'],
      ['pod2-name', 'default2', 'container4', 'image4', 'false', 'uid2'],
    ],
  );
  assert.equal(
    table,
    `+-----------+-----------+------------+--------+---------------+---------+
|    POD    | NAMESPACE | CONTAINER  | IMAGE  | ARCHIVE FOUND | POD UID |
+-----------+-----------+------------+--------+---------------+---------+
| pod1-name | default1  | container1 | image1 | false         | uid1    |
+           +           +------------+--------+               +         +
|           |           | container2 | image2 |               |         |
+-----------+-----------+------------+--------+               +---------+
| pod2-name | default2  | container3 | image3 |               | uid2    |
+           +           +------------+--------+               +         +
|           |           | container4 | image4 |               |         |
+-----------+-----------+------------+--------+---------------+---------+
`,
  );
});

test('boxedTable shows two pods of one namespace as one', () => {
  const table = boxedTable(
    ['Pod', 'Namespace', 'Container', 'Image', 'Archive Found'],
    [
      ['my-redis', 'default', 'redis', 'redis', 'true'],
      ['counters', 'default', 'counter', 'quay.io/adrianreber/counter', 'true'],
      ['counters', 'default', 'wildfly', 'quay.io/adrianreber/wildfly-hello', 'true'],
    ],
  );
  assert.equal(
    table,
    `+----------+-----------+-----------+-----------------------------------+---------------+
|   POD    | NAMESPACE | CONTAINER |               IMAGE               | ARCHIVE FOUND |
+----------+-----------+-----------+-----------------------------------+---------------+
| my-redis | default   | redis     | redis                             | true          |
+----------+           +-----------+-----------------------------------+               +
| counters |           | counter   | quay.io/adrianreber/counter       |               |
+          +           +-----------+-----------------------------------+               +
|          |           | wildfly   | quay.io/adrianreber/wildfly-hello |               |
+----------+-----------+-----------+-----------------------------------+---------------+
`,
  );
});

test('boxedTable wraps at thirty columns as evenly as it can, and merges wrapped cells too', () => {
  const text = 'a table of words that are wrapped';
  assert.equal(
    boxedTable(
      ['a', 'b'],
      [
        [text, '1'],
        [text, '2'],
      ],
    ),
    `+--------------------------------+---+
|               A                | B |
+--------------------------------+---+
| a table of words that are      | 1 |
| wrapped                        |   |
+                                +---+
|                                | 2 |
|                                |   |
+--------------------------------+---+
`,
  );
});

test('boxedTable never merges empty cells, and sets numbers on the right', () => {
  assert.equal(
    boxedTable(
      ['size', 'what'],
      [
        ['1,234', ''],
        ['-5.5', ''],
        ['12 B', '12%'],
      ],
    ),
    `+-------+------+
| SIZE  | WHAT |
+-------+------+
| 1,234 |      |
+-------+------+
|  -5.5 |      |
+-------+------+
| 12 B  | 12%  |
+-------+------+
`,
  );
});

test('boxedTable counts East Asian characters as two columns and escapes what comes from outside', () => {
  assert.equal(
    boxedTable(['x'], [['日本'], ['a\n| forged\u001b[2J']]),
    `+--------------------+
|         X          |
+--------------------+
| 日本               |
+--------------------+
| a\\n| forged\\x1b[2J |
+--------------------+
`,
  );
});

test('boxedTable without rows shows the headers', () => {
  assert.equal(boxedTable(['Pod'], []), '+-----+\n| POD |\n+-----+\n');
});
