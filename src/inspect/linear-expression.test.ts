import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../errors/coded-error.ts';
import { LinearExpression } from './linear-expression.ts';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

function all(source: string, text: string, ignoreCase = false): string[] {
  const expression = new LinearExpression(source, { ignoreCase, longest: 8192 });
  const bytes = bytesOf(text);
  const found: string[] = [];
  for (
    let match = expression.find(bytes, 0);
    match;
    match = expression.find(bytes, match.at + match.length)
  ) {
    found.push(`${match.at} ${text.slice(match.at, match.at + match.length)}`);
  }
  return found;
}

/** What the platform finds, matches of nothing left out. */
function platform(source: string, text: string, flags = ''): string[] {
  return Array.from(text.matchAll(new RegExp(source, `g${flags}`)))
    .filter(([match]) => match !== '')
    .map((match) => `${match.index} ${match[0]}`);
}

const samples = [
  'PATH=/sbin:/bin',
  'foo.bar@example.com, a@b',
  'aaaaabbbbbaaab',
  'x\ny\nxyz\n',
  '\x00\xff\xfeabc\x80',
  '192.168.0.1 10.0.0.300',
  'abcdabcdabxd',
  '',
];
const sources = [
  'abcd|c',
  'a|ab',
  'ab|a',
  '(?:a|ab)(?:c|bcd)',
  'a+?b',
  'a{2,3}',
  'a{2,3}?',
  '[^a-c\\n]+',
  '[\\w.]+@\\w+\\.com',
  '\\b\\d{1,3}(?:\\.\\d{1,3}){3}\\b',
  '^x|z$',
  '\\xff\\xFE',
  'x.y',
  '(a+)+b',
  '[a\\-c]b',
  '[]b]',
  '\\.|\\/',
  '(?:)a',
  'b*',
];

test('LinearExpression finds what a backtracking search finds', () => {
  for (const source of sources) {
    // Where the platform reads something else: a bracket that comes first stands for itself.
    const theirs = source === '[]b]' ? '[\\]b]' : source;
    for (const text of samples)
      assert.deepEqual(all(source, text), platform(theirs, text), `${source} in ${text}`);
  }
});

/** Numbers below a limit, the same each time. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function randomSource(roll: (below: number) => number, depth: number): string {
  const atom = () => ['a', 'b', 'c', '.', '[ab]', '[^a]', '\\b', 'ab'][roll(8)] ?? 'a';
  const part = (): string => {
    const inner = depth > 0 && roll(3) === 0 ? `(?:${randomSource(roll, depth - 1)})` : atom();
    // Repeats of what may be nothing mean something of their own in JavaScript.
    if (inner.includes('\\b') || inner.startsWith('(')) return inner;
    return inner.length > 2 && !inner.startsWith('[')
      ? inner
      : inner + (['', '', '*', '+', '?', '{2}', '+?', '{1,3}'][roll(8)] ?? '');
  };
  const sequence = (): string => Array.from({ length: 1 + roll(3) }, part).join('');
  return Array.from({ length: 1 + roll(2) }, sequence).join('|');
}

test('LinearExpression finds what a backtracking search finds, for thousands of random expressions', () => {
  const roll = dice(20261121);
  for (let count = 0; count < 3000; count++) {
    const source = randomSource(roll, 2);
    const text = Array.from({ length: roll(24) }, () => 'aabbc \n'[roll(7)]).join('');
    // A match of nothing hides a longer one at its place from the platform, and is none here.
    const nothing = Array.from(text.matchAll(new RegExp(source, 'g'))).some(([match]) => match === '');
    if (!nothing)
      assert.deepEqual(all(source, text), platform(source, text), `${source} in ${JSON.stringify(text)}`);
  }
});

test('LinearExpression: switches, classes by name, either case', () => {
  assert.deepEqual(all('(?i)straße|abc', 'ABC aBc'), ['0 ABC', '4 aBc']);
  assert.deepEqual(all('a(?i:b)c', 'aBc aBC'), ['0 aBc']);
  assert.deepEqual(all('k[^b]', 'KB Kx', true), ['3 Kx']);
  assert.deepEqual(all('(?s)a.b', 'a\nb'), ['0 a\nb']);
  assert.deepEqual(all('(?m)^x$', 'x\nyx\nx'), ['0 x', '5 x']);
  assert.deepEqual(all('[[:digit:][:^ascii:]]+', 'a12\xff3 '), ['1 12\xff3']);
  assert.deepEqual(all('(?P<name>a)(?<other>b)', 'ab'), ['0 ab']);
  assert.deepEqual(all('\\x{41}\\u0042\\103', 'ABC'), ['0 ABC']);
});

test('LinearExpression comes to an end where trying one way after the other does not', () => {
  const many = 'a'.repeat(200_000);
  for (const source of [
    '(a+)+$b',
    '(a|a)*b',
    '(?:a?){50}a{50}b',
    '[a-z]+@[a-z]+\\.com',
    'a*a*a*a*b',
    '(x+x+)+y|a+z',
    'a+$b',
    '\\Ba+\\bb',
    '(?:a+)+^',
  ]) {
    assert.deepEqual(all(source, many), [], source);
  }
});

test('LinearExpression forgets states instead of growing: an expression that has millions of them', () => {
  const roll = dice(7);
  const text = Array.from({ length: 100_000 }, () => 'abbaabababc'[roll(11)]).join('');
  const found = all('a[ab]{18}c', text);
  assert.deepEqual(found, platform('a[ab]{18}c', text));
  assert.ok(found.length > 10);
});

test('LinearExpression refuses what it cannot read, in the words of Go', () => {
  const wrong: Record<string, string> = {
    '(': 'missing closing )',
    'a)': 'unexpected )',
    '[a': 'missing closing ]',
    '*': 'missing argument to repetition operator',
    'a**': 'invalid nested repetition operator',
    'a{1001}': 'invalid repeat count',
    'a{3,2}': 'invalid repeat count',
    '[z-a]': 'invalid character class range',
    '[[:nope:]]': 'invalid character class range',
    '\\8': 'invalid escape sequence',
    '\\': 'trailing backslash at end of expression',
    '(?=a)': 'invalid or unsupported Perl syntax',
    '(?<!a)b': 'invalid or unsupported Perl syntax',
    '(a)\\1': 'invalid escape sequence',
    '((a{100}){100}){100}': 'expression too large',
    ['('.repeat(1000)]: 'expression nests too deeply',
    '☃': 'invalid escape sequence',
  };
  for (const [source, words] of Object.entries(wrong)) {
    assert.throws(
      () => all(source, ''),
      (error) =>
        isCoded(error, 'invalid-argument') && error.message.startsWith(`error parsing regexp: ${words}`),
      source,
    );
  }
  assert.deepEqual(all('((((){1000}){1000}){1000}){1000}a', 'a'), ['0 a']);
});
