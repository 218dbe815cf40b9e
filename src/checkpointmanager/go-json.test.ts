import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeJson, decodeJsonText } from './go-json.ts';
import { encodeJsonText } from './go-json-encode.ts';
import {
  any,
  bool,
  bytes,
  type GoType,
  int32,
  int64,
  map,
  pointer,
  slice,
  string,
  struct,
  tag,
  uint64,
} from './go-type.ts';

const inner = struct('p.Inner', {
  Size: tag('size', uint64),
  Names: tag('names', slice(string), 'omitempty'),
});
const outer = struct('p.Outer', {
  Name: tag('defaultName', string),
  Flag: tag('flag', bool),
  List: tag('list', slice(inner)),
  Map: tag('map', map(int64, string)),
  Blob: tag('blob', bytes),
  Ptr: tag('ptr', pointer(inner)),
  Any: tag('any', any),
  hidden: string,
});
const read = (text: string): Record<string, unknown> => decodeJsonText(outer, text);
const fails = (text: string, message: string, type: GoType = outer): void => {
  assert.throws(() => decodeJsonText(type, text), { message }, text);
};

describe('decodeJson', () => {
  it('matches names exactly or else without regard to case, and skips what it does not know', () => {
    assert.equal(read('{"DEFAULTNAME":"a","x":[{"y":["]"]}],"z":-1e3}')['Name'], 'a');
    assert.equal(read('{"defaultName":"a","DefaultName":"b"}')['Name'], 'b');
    assert.equal(read('{"hidden":"a"}')['hidden'], '');
    assert.equal((decodeJsonText(inner, '{"ſize":5}') as { Size: bigint }).Size, 5n);
  });

  it('merges maps and decodes again into lists that occur twice', () => {
    const twice = read(
      '{"map":{"1":"a"},"map":{"2":"b"},"list":[{"size":7,"names":["x"]}],"list":[{"size":8}]}',
    );
    assert.deepEqual(
      twice['Map'],
      new Map([
        [1n, 'a'],
        [2n, 'b'],
      ]),
    );
    assert.deepEqual(twice['List'], [{ Size: 8n, Names: ['x'] }]);
  });

  it('tells null from empty from absent', () => {
    const initial = { ...read('{}'), List: [] as unknown[], Name: 'kept' };
    const value = decodeJsonText(
      outer as GoType<Record<string, unknown>>,
      '{"list":null,"map":{},"defaultName":null}',
      initial,
    );
    assert.equal(value['List'], null);
    assert.deepEqual(value['Map'], new Map());
    assert.equal(value['Name'], 'kept');
    assert.equal(value['Blob'], null);
  });

  it('reads integers exactly, and nothing else as an integer', () => {
    const size = (text: string): unknown =>
      (decodeJsonText(inner, `{"size":${text}}`) as { Size: bigint }).Size;
    assert.equal(size('18446744073709551615'), 18446744073709551615n);
    const where = 'into Go struct field Inner.size of type uint64';
    for (const bad of ['-1', '1.0', '1e3', '18446744073709551616']) {
      fails(`{"size":${bad}}`, `json: cannot unmarshal number ${bad} ${where}`, inner);
    }
    fails('{"size":"1"}', `json: cannot unmarshal string ${where}`, inner);
    fails('{"1":"a"}', 'json: cannot unmarshal object into Go value of type int32', int32);
    fails(
      '{"map":{"x":"a"}}',
      'json: cannot unmarshal number x into Go struct field Outer.map of type int64',
    );
  });

  it('names the innermost struct and the whole path', () => {
    fails(
      '{"list":[{"size":true}]}',
      'json: cannot unmarshal bool into Go struct field Inner.list.size of type uint64',
    );
    fails('[]', 'json: cannot unmarshal array into Go value of type p.Outer');
    fails('{"flag":{}}', 'json: cannot unmarshal object into Go struct field Outer.flag of type bool');
  });

  it('reports syntax as Go does', () => {
    const cases: readonly [string, string][] = [
      ['', 'unexpected end of JSON input'],
      ['{"a":1', 'unexpected end of JSON input'],
      ['{"a"', 'unexpected end of JSON input'],
      ['"abc', 'unexpected end of JSON input'],
      ['{}x', "invalid character 'x' after top-level value"],
      ['{"a" 1}', "invalid character '1' after object key"],
      ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
      ['{a}', "invalid character 'a' looking for beginning of object key string"],
      ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
      ['[1 2]', "invalid character '2' after array element"],
      ['[1,]', "invalid character ']' looking for beginning of value"],
      ['tru3', "invalid character '3' in literal true (expecting 'e')"],
      ['"\n"', "invalid character '\\n' in string literal"],
      ['"\\x"', "invalid character 'x' in string escape code"],
      ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
      ['-x', "invalid character 'x' in numeric literal"],
      ['1.x', "invalid character 'x' after decimal point in numeric literal"],
      ['1ex', "invalid character 'x' in exponent of numeric literal"],
      ['01', "invalid character '1' after top-level value"],
      ['é', "invalid character 'Ã' looking for beginning of value"],
      [`${'['.repeat(10001)}`, "invalid character '[' exceeded max depth"],
    ];
    for (const [text, message] of cases) fails(text, message, any);
  });

  it('replaces what is not UTF-8, byte by byte, and lone surrogates', () => {
    const file = Uint8Array.of(0x22, 0x61, 0xe2, 0x82, 0x62, 0xff, 0x22);
    assert.equal(decodeJson(string, file), 'a\ufffd\ufffdb\ufffd');
    assert.equal(decodeJsonText(string, '"\\ud800x\\ud83d\\ude00"'), '\ufffdx\u{1f600}');
  });

  it('reads base64 as Go does', () => {
    assert.deepEqual(decodeJsonText(bytes, '"CgECAw=="'), Uint8Array.of(10, 1, 2, 3));
    assert.deepEqual(decodeJsonText(bytes, '""'), new Uint8Array());
    fails('"C!=="', 'illegal base64 data at input byte 1', bytes);
    fails('"CgE"', 'illegal base64 data at input byte 0', bytes);
  });

  it('decodes into interfaces with Go’s own types, and takes any depth it allows', () => {
    const value = decodeJsonText(any, '{"a":[1,"b",null,true]}');
    assert.equal(value?.type.name, 'map[string]interface {}');
    decodeJsonText(struct('p.E', {}), `{"x":${'['.repeat(9000)}${']'.repeat(9000)}}`);
  });
});

describe('encodeJsonText', () => {
  it('escapes, sorts and omits as Go does', () => {
    const value = {
      ...read('{}'),
      Name: '<&>\u2028\b',
      Map: new Map([
        [10n, 'a'],
        [2n, 'b'],
        [-1n, 'c'],
      ]),
    };
    assert.equal(
      encodeJsonText(outer as GoType<unknown>, value),
      '{"defaultName":"\\u003c\\u0026\\u003e\\u2028\\b","flag":false,"list":null,"map":{"-1":"c","10":"a","2":"b"},' +
        '"blob":null,"ptr":null,"any":null}',
    );
    assert.equal(encodeJsonText(string, '\b', { shortEscapes: false }), '"\\u0008"');
    assert.equal(encodeJsonText(inner, { Size: 1n, Names: [] }), '{"size":1}');
    assert.equal(encodeJsonText(bytes, new Uint8Array()), '""');
  });

  it('gives back any value that it wrote', () => {
    const text =
      '{"defaultName":"x","flag":true,"list":[{"size":18446744073709551615,"names":["a"]},{"size":0}],' +
      '"map":{"-1":"c","10":"a"},"blob":"CgE=","ptr":{"size":1},"any":{"k":[1.5,"s",null]}}';
    assert.equal(encodeJsonText(outer as GoType<unknown>, read(text)), text);
  });

  it('takes ten million characters at once', () => {
    const long = 'x'.repeat(10_000_000);
    assert.equal(decodeJsonText(string, encodeJsonText(string, long)).length, long.length);
    assert.equal(decodeJsonText(string, encodeJsonText(string, `${long}"`)).length, long.length + 1);
  });
});
