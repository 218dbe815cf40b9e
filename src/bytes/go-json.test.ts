import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../errors/coded-error.ts';
import { parseGoJson, printGoJson } from './go-json.ts';

test('parseGoJson keeps member order, big integers and the spelling of numbers', () => {
  const text = '{"2":1,"1":[9007199254740993,1.0,-0,1e400,0.5],"__proto__":{"a":null},"s":"\\u00e9\\n/\\/"}';
  const value = parseGoJson(text);
  assert.equal(
    printGoJson(value),
    '{"2":1,"1":[9007199254740993,1.0,-0,1e400,0.5],"__proto__":{"a":null},"s":"é\\n//"}',
  );
});

test('parseGoJson: of two members with one name the last wins', () => {
  assert.equal(printGoJson(parseGoJson('{"a":1,"a":2}')), '{"a":2}');
});

const messages: readonly (readonly [string, string])[] = [
  ['', 'unexpected end of JSON input'],
  ['{"a":', 'unexpected end of JSON input'],
  ['"abc', 'unexpected end of JSON input'],
  ['x', "invalid character 'x' looking for beginning of value"],
  ['{a}', "invalid character 'a' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b"', `invalid character '"' after object key:value pair`],
  ['[1 2]', "invalid character '2' after array element"],
  ['{} {}', "invalid character '{' after top-level value"],
  ['tru e', "invalid character ' ' in literal true (expecting 'e')"],
  ['-x', "invalid character 'x' in numeric literal"],
  ['1.x', "invalid character 'x' after decimal point in numeric literal"],
  ['1ex', "invalid character 'x' in exponent of numeric literal"],
  ['1.5.5', "invalid character '.' after top-level value"],
  ['1e5e', "invalid character 'e' after top-level value"],
  ['[1.5e+]', "invalid character ']' in exponent of numeric literal"],
  ['01', "invalid character '1' after top-level value"],
  ['"\n"', "invalid character '\\n' in string literal"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"\\u12x4"', "invalid character 'x' in \\u hexadecimal character escape"],
  ["'a'", "invalid character '\\'' looking for beginning of value"],
  ['['.repeat(100_000), 'exceeded max depth'],
];

for (const [text, message] of messages) {
  test(`parseGoJson says what Go says of ${JSON.stringify(text.slice(0, 20))}`, () => {
    assert.throws(
      () => parseGoJson(text),
      (error) => isCoded(error, 'corrupt') && error.message === message,
    );
  });
}

test('printGoJson prints as MarshalIndent does', () => {
  const value = { a: '<&>\u2028\u0001"', e: [], o: {}, u: undefined, n: null, l: [1, { x: 2n }] };
  assert.equal(
    printGoJson(value, '  '),
    `{
  "a": "\\u003c\\u0026\\u003e\\u2028\\u0001\\"",
  "e": [],
  "o": {},
  "n": null,
  "l": [
    1,
    {
      "x": 2
    }
  ]
}`,
  );
});
