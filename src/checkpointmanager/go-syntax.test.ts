import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checksumOf, crc32OfText } from './checksum.ts';
import { goFloat, goSyntax } from './go-syntax.ts';
import {
  any,
  array,
  bytes,
  float64,
  type GoType,
  int,
  int64,
  map,
  pointer,
  pointerTo,
  slice,
  string,
  struct,
  uint64,
} from './go-type.ts';

const inner = struct('main.Inner', { A: int, b: string });
interface Node {
  V: bigint;
  Next: Node | null;
}
const node: GoType<Node> = struct('main.Node', {
  V: int,
  Next: { type: (): GoType<Node | null> => pointer(node) },
});
const leak = struct('main.Leak', { L: slice(pointer(int)), S: string, T: int });
const loop: Node = { V: 3n, Next: null };
loop.Next = loop;

/** What Go printed, and the FNV-1a of it. */
const seen: readonly (readonly [GoType, unknown, string, bigint])[] = [
  [any, null, '(interface {})<nil>', 557564720n],
  [float64, 0.1, '(float64)0.1', 160182425n],
  [float64, -Infinity, '(float64)-Inf', 852742886n],
  [slice(string), null, '([]string)<nil>', 634341852n],
  [
    map(int, string),
    new Map([
      [10n, 'a'],
      [2n, 'b'],
      [-1n, 'c'],
    ]),
    '(map[int]string)map[-1:c 2:b 10:a]',
    988551887n,
  ],
  [inner, { A: 1n, b: 'u' }, '(main.Inner){A:(int)1 b:(string)u}', 3284865130n],
  [
    struct('main.PP', { P: pointerTo(pointer(int)) }),
    { P: { to: 7n } },
    '(main.PP){P:(**int)7}',
    3062725254n,
  ],
  [leak, { L: [null], S: 's', T: 1n }, '(main.Leak){L:([]*int)[<nil>] S:s T:(int)1}', 2053994384n],
  [pointer(node), loop, '(*main.Node){V:(int)3 Next:(*main.Node)<shown>}', 4027083014n],
  [array(int, 3), [1n, 2n, 3n], '([3]int)[1 2 3]', 625535290n],
  [
    struct('time.Time', {
      wall: uint64,
      ext: int64,
      loc: pointer(struct('time.Location', { name: string })),
    }),
    { wall: 0n, ext: 0n, loc: null },
    '(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}',
    1428693298n,
  ],
  [
    map(string, map(string, pointer(inner))),
    new Map([
      [
        'x',
        new Map([
          ['b', { A: 2n, b: 'v' }],
          ['a', { A: 1n, b: 'u' }],
        ]),
      ],
    ]),
    '(map[string]map[string]*main.Inner)map[x:map[a:<*>{A:(int)1 b:(string)u} b:<*>{A:(int)2 b:(string)v}]]',
    2898888630n,
  ],
];

describe('goSyntax', () => {
  for (const [type, value, text, sum] of seen) {
    it(`prints what Go printed: ${text.slice(0, 60)}`, () => {
      assert.equal(goSyntax(type, value), text);
      assert.equal(checksumOf(type, value), sum);
    });
  }

  it('prints bytes as numbers, strings raw, interfaces with their type', () => {
    assert.equal(goSyntax(bytes, Uint8Array.of(10, 34, 255)), '([]uint8)[10 34 255]');
    assert.equal(goSyntax(string, 'a"\n'), '(string)a"\n');
    assert.equal(
      goSyntax(slice(any), [{ type: int, of: 1n }, null]),
      '([]interface {})[(int)1 (interface {})<nil>]',
    );
    assert.equal(
      goSyntax(slice(pointerTo(pointer(int))), [{ to: null }, null]),
      '([]**int)[<**><nil> <nil>]',
    );
  });

  it('sorts text by its UTF-8 bytes', () => {
    const keys = new Map(['\u{1f600}', '\uffff', 'z', 'é'].map((key) => [key, 1n]));
    assert.equal(goSyntax(map(string, int), keys), '(map[string]int)map[z:1 é:1 \uffff:1 \u{1f600}:1]');
  });
});

describe('goFloat', () => {
  it('prints the shortest form', () => {
    const cases: readonly [number, string][] = [
      [1e21, '1e+21'],
      [123456789, '1.23456789e+08'],
      [0.00001, '1e-05'],
      [0.0001, '0.0001'],
      [100000, '100000'],
      [1234.5, '1234.5'],
      [-0, '-0'],
      [Number.NaN, 'NaN'],
    ];
    for (const [value, text] of cases) assert.equal(goFloat(value), text);
    assert.equal(goFloat(Math.fround(0.1), true), '0.1');
  });
});

describe('crc32', () => {
  it('is CRC-32/IEEE', () => {
    assert.equal(crc32OfText('123456789'), 0xcbf43926n);
    assert.equal(crc32OfText(''), 0n);
  });
});
