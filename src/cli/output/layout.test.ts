import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferText, byteText, durationText } from './quantities.ts';
import { tabTable } from './tab-table.ts';
import { treeNode, treeText } from './tree.ts';
import { displayWidth } from './width.ts';
import { wrapEvenly } from './wrap.ts';

test('tabTable pads to the longest cell and three, six at least, the last cell not at all', () => {
  assert.equal(
    tabTable(
      ['Container', 'ID', 'Image'],
      [
        ['a', '0123456789ab', 'x'],
        ['a-long-name', 'b', ''],
      ],
    ),
    [
      'CONTAINER     ID             IMAGE',
      '---------     --             -----',
      'a             0123456789ab   x',
      'a-long-name   b              ',
      '',
    ].join('\n'),
  );
  assert.equal(
    tabTable(['a', 'b'], [['\t\u001b', 'c']]),
    'A         B\n-         -\n\\t\\x1b   c\n'.replace(/ {9}/g, ' '.repeat(8)),
  );
});

test('treeText draws lines, notes and depth', () => {
  const tree = treeNode('root', [
    treeNode('Process tree', [treeNode('sh', [treeNode('sleep\u001b', [], '2')], '1')]),
    treeNode('last', [treeNode('a'), treeNode('b')]),
  ]);
  assert.equal(
    treeText(tree),
    `root
├── Process tree
│   └── [1]  sh
│       └── [2]  sleep\\x1b
└── last
    ├── a
    └── b
`,
  );
});

test('treeText survives a tree of any depth', () => {
  const root = treeNode('0');
  let node = root;
  for (let depth = 1; depth <= 5000; depth++) {
    const next = treeNode(String(depth));
    node.children.push(next);
    node = next;
  }
  assert.ok(treeText(root).endsWith('└── 5000\n'));
});

test('byteText, bufferText and durationText speak as checkpointctl does', () => {
  assert.deepEqual([0, 1023, 1024, 747_417, 2 ** 40, 2 ** 60].map(byteText), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '729.9 KiB',
    '1.0 TiB',
    '1.0 EiB',
  ]);
  assert.equal(bufferText(16384), '16.0 KB');
  assert.deepEqual([774, 1000, 86_452, 123_456, 999_999, 1_000_000, 12_345_678].map(durationText), [
    '774 µs',
    '1 ms',
    '86.452 ms',
    '123.46 ms',
    '1000 ms',
    '1 s',
    '12.346 s',
  ]);
});

test('displayWidth counts columns, not characters', () => {
  assert.deepEqual(['abc', '日本', 'é', 'e\u0301', '😀', 'ﾃ'].map(displayWidth), [3, 4, 1, 1, 2, 1]);
});

test('wrapEvenly keeps a long word whole and widens the others to it', () => {
  assert.deepEqual(wrapEvenly('a bb incomprehensibilities c d', 10), [
    'a bb',
    'incomprehensibilities',
    'c d',
  ]);
  assert.deepEqual(wrapEvenly('one', 2), ['one']);
});
