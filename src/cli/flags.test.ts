import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Flags, UsageError } from './command.ts';
import { parseFlags } from './flags.ts';

const flags: Flags = {
  all: { kind: 'bool', short: 'a', usage: '' },
  pid: { kind: 'uint32', short: 'p', usage: '' },
  context: { kind: 'int', short: 'c', usage: '' },
  search: { kind: 'string', short: 's', usage: '' },
  format: { kind: 'enum', values: ['tree', 'json'], usage: '' },
  define: { kind: 'stringArray', short: 'D', usage: '' },
};

const parsed = (line: readonly string[]) => {
  const { values, args } = parseFlags(flags, line);
  return { ...values, args };
};
const empty = { all: false, pid: 0, context: 0, search: '', format: 'tree', define: [], args: [] };

const accepted: readonly (readonly [string[], object])[] = [
  [[], {}],
  [['x', '-a', 'y'], { all: true, args: ['x', 'y'] }],
  [['--all=false'], {}],
  [['-ap7'], { all: true, pid: 7 }],
  [['-p=7'], { pid: 7 }],
  [['-p', '0x1f'], { pid: 31 }],
  [['--pid', '1_000'], { pid: 1000 }],
  [['-c', '-5'], { context: -5 }],
  [['-c-010'], { context: -8 }],
  [['--search=a=b'], { search: 'a=b' }],
  [['--search', '--all'], { search: '--all' }],
  [['-s='], { search: '=' }],
  [['--search='], { search: '' }],
  [['--format', 'json'], { format: 'json' }],
  [['-D', '1', '--define=2', '-D3'], { define: ['1', '2', '3'] }],
  [['-', '--', '-a', '--'], { args: ['-', '-a', '--'] }],
];

for (const [line, expected] of accepted) {
  test(`parseFlags reads ${JSON.stringify(line)}`, () => {
    assert.deepEqual(parsed(line), { ...empty, ...expected });
  });
}

const refused: readonly (readonly [string[], string])[] = [
  [['--foo'], 'unknown flag: --foo'],
  [['--foo=bar'], 'unknown flag: --foo'],
  [['--toString'], 'unknown flag: --toString'],
  [['-x'], "unknown shorthand flag: 'x' in -x"],
  [['-ax'], "unknown shorthand flag: 'x' in -x"],
  [['-xa'], "unknown shorthand flag: 'x' in -xa"],
  [['--='], 'bad flag syntax: --='],
  [['---a'], 'bad flag syntax: ---a'],
  [['-p'], "flag needs an argument: 'p' in -p"],
  [['-ap'], "flag needs an argument: 'p' in -p"],
  [['--pid'], 'flag needs an argument: --pid'],
  [
    ['--pid', 'abc'],
    'invalid argument "abc" for "-p, --pid" flag: strconv.ParseUint: parsing "abc": invalid syntax',
  ],
  [['--pid='], 'invalid argument "" for "-p, --pid" flag: strconv.ParseUint: parsing "": invalid syntax'],
  [
    ['--pid=-1'],
    'invalid argument "-1" for "-p, --pid" flag: strconv.ParseUint: parsing "-1": invalid syntax',
  ],
  [
    ['-p4294967296'],
    'invalid argument "4294967296" for "-p, --pid" flag: strconv.ParseUint: parsing "4294967296": value out of range',
  ],
  [
    ['-c', 'x\u001b'],
    'invalid argument "x\\x1b" for "-c, --context" flag: strconv.ParseInt: parsing "x\\x1b": invalid syntax',
  ],
  [
    ['-c', '99999999999999999999'],
    'invalid argument "99999999999999999999" for "-c, --context" flag: strconv.ParseInt: parsing "99999999999999999999": value out of range',
  ],
  [
    ['--all=maybe'],
    'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
  ],
  [['--format=xml'], 'invalid argument "xml" for "--format" flag: must be one of tree, json'],
];

for (const [line, message] of refused) {
  test(`parseFlags refuses ${JSON.stringify(line)} in pflag's words`, () => {
    assert.throws(
      () => parseFlags(flags, line),
      (error) => error instanceof UsageError && error.message === message,
    );
  });
}
