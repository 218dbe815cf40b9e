import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NewMember, writeTar } from '../archive/tar-writer.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { utf8 } from '../bytes/text.ts';
import { isCoded } from '../errors/coded-error.ts';
import { sha256, sha256Of } from '../localfs/sha256.ts';
import { tarCheckpoint } from './from-tar.ts';
import { compareManifest, decodeManifest, encodeManifest, type Manifest, withManifest } from './manifest.ts';

const members: NewMember[] = [
  { name: 'config.dump', content: utf8('{}'), mtime: 7 },
  { name: 'checkpoint/', type: 'directory' },
  { name: './checkpoint/pages-1.img', content: bytesSource(new Uint8Array(3 << 20).fill(7)) },
  { name: 'dump.log', size: 4, content: streamed() },
];

async function* streamed() {
  yield utf8('lo');
  yield utf8('g\n');
}

test('withManifest + digests of every file, taken while the archive is written', async () => {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(withManifest(members, { criu: '4.2.1' }, sha256))) pieces.push(piece);
  const checkpoint = tarCheckpoint(bytesSource(concat(pieces)), { origin: 'test' });
  const manifest = decodeManifest(await checkpoint.read('stasis.json'));
  assert.deepEqual(manifest, {
    version: 1,
    members: [
      { name: 'config.dump', size: 2, sha256: sha256Of(utf8('{}')) },
      {
        name: 'checkpoint/pages-1.img',
        size: 3 << 20,
        sha256: sha256Of(new Uint8Array(3 << 20).fill(7)),
      },
      { name: 'dump.log', size: 4, sha256: sha256Of(utf8('log\n')) },
    ],
    capture: { criu: '4.2.1' },
  });
  assert.equal((await checkpoint.members()).files.at(-1)?.name, 'stasis.json');
});

test('compareManifest + what is missing, added, shorter or altered', () => {
  const digest = sha256Of(utf8('x'));
  const manifest: Manifest = {
    version: 1,
    members: ['same', 'gone', 'short', 'altered'].map((name) => ({ name, size: 1, sha256: digest })),
    capture: {},
  };
  const problems = compareManifest(
    manifest,
    new Map([
      ['same', { size: 1, sha256: digest }],
      ['short', { size: 0, sha256: sha256Of(utf8('')) }],
      ['altered', { size: 1, sha256: sha256Of(utf8('y')) }],
      ['new', { size: 1, sha256: digest }],
      ['stasis.json', { size: 9, sha256: digest }],
    ]),
  );
  assert.deepEqual(
    problems.map(({ name, problem }) => `${name}: ${problem}`),
    ['gone: missing', 'short: size', 'altered: digest', 'new: unrecorded'],
  );
});

test('decodeManifest + anything that is no manifest is refused', () => {
  const good = encodeManifest({ version: 1, members: [], capture: { later: [1] } });
  assert.deepEqual(decodeManifest(good).capture, { later: [1] });
  const member = `{"name":"a","size":1,"sha256":"${'0'.repeat(64)}"}`;
  for (const text of [
    '',
    'null',
    '[]',
    '{"version":"1"}',
    '{"version":1}',
    '{"version":1,"members":[null]}',
    '{"version":1,"members":[{"name":"a","size":-1,"sha256":""}]}',
    '{"version":1,"members":[{"name":"a","size":1,"sha256":"xx"}]}',
    `{"version":1,"members":[${member},${member}]}`,
  ]) {
    assert.throws(
      () => decodeManifest(utf8(text)),
      (error) => isCoded(error, 'corrupt'),
      text,
    );
  }
  assert.throws(
    () => decodeManifest(Uint8Array.of(0xff)),
    (error) => isCoded(error, 'corrupt'),
  );
  assert.throws(
    () => decodeManifest(utf8('{"version":2}')),
    (error) => isCoded(error, 'unsupported'),
  );
});
