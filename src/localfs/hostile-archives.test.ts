import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Codec } from '../archive/compression.ts';
import { type ArchiveLimits, resolveLimits } from '../archive/limits.ts';
import { encodePax } from '../archive/pax.ts';
import { encodeHeader, type TarMember, writeTar } from '../archive/tar-writer.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { utf8 } from '../bytes/text.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openArchive } from '../checkpoint/from-archive.ts';
import { readIdentity } from '../checkpoint/identity.ts';
import { isCoded } from '../errors/coded-error.ts';
import { codec } from './codec.ts';
import { blockingCodec } from './late-codec.ts';
import { sha256Of } from './sha256.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');
const real = {
  tar: readFileSync(join(fixtures, 'crio-1.37-runc.tar')),
  zstd: readFileSync(join(fixtures, 'podman-5.8.6-crun-zstd.tar')),
} as const;

/** Both ways of unpacking, that of servers and that of the command line. */
const ways = { codec, blockingCodec };

function open(
  bytes: Uint8Array,
  limits: Partial<ArchiveLimits> = {},
  way: Codec = codec,
): Promise<Checkpoint> {
  return openArchive(bytesSource(bytes), { origin: 'x.tar', codec: way, limits: resolveLimits(limits) });
}

async function tarOf(members: TarMember[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(members)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Everything in it, read through; the digest of names and contents. */
async function readThrough(
  bytes: Uint8Array,
  limits: Partial<ArchiveLimits> = {},
  way: Codec = codec,
): Promise<string> {
  const checkpoint = await open(bytes, limits, way);
  const found: string[] = [];
  try {
    for await (const { member, content } of checkpoint.stream()) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content()) pieces.push(piece);
      found.push(`${member.name} ${member.size} ${sha256Of(Buffer.concat(pieces))}`);
    }
  } finally {
    await checkpoint.close();
  }
  return found.join('\n');
}

const refused = (error: unknown): boolean => isCoded(error, 'corrupt');

const packings = { tar: real.tar, gzip: gzipSync(real.tar), zstd: real.zstd };
const everyWay = Object.entries(ways).flatMap(([name, way]) =>
  Object.entries(packings).map(([packing, bytes]) => ({ name, way, packing, bytes })),
);

for (const { name, way, packing, bytes } of everyWay) {
  test(`openArchive + ${name}, ${packing}: cut off anywhere, it is refused`, async () => {
    const end = packing === 'tar' ? contentEnd(bytes) : bytes.length;
    const step = Math.max(1, Math.floor(end / 97));
    for (let length = 1; length < end; length += step) {
      const cut = bytes.subarray(0, length);
      await assert.rejects(readThrough(cut, {}, way), refused, `${length} of ${bytes.length}`);
    }
  });
}

/** Where the end mark begins. */
function contentEnd(tar: Uint8Array): number {
  let end = tar.length;
  while (tar[end - 1] === 0) end--;
  return Math.ceil(end / 512) * 512;
}

for (const { name, way, packing, bytes } of everyWay.filter((each) => each.packing !== 'tar')) {
  test(`openArchive + ${name}, ${packing}: flipped bits are refused or change nothing`, async () => {
    const expected = await readThrough(bytes);
    for (let at = 0; at < bytes.length; at += Math.floor(bytes.length / 97)) {
      const bad = Uint8Array.from(bytes);
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      const outcome = await readThrough(bad, {}, way).catch((error: unknown) => error);
      assert.ok(
        outcome === expected || (isCoded(outcome) && outcome.code !== 'internal'),
        `byte ${at}: ${outcome}`,
      );
    }
  });
}

test('openArchive + names that only look like a known one, or leave the archive, are not taken for it', async () => {
  const config = (id: string) => utf8(JSON.stringify({ id }));
  const names = [
    'config.dump.backup',
    'misleading-config.dump.backup',
    'evil/config.dump',
    'config.dump/sub',
    '../config.dump',
    '../../config.dump',
    '/config.dump',
    'checkpoint/../config.dump',
    '..\\config.dump',
    'config.dump\u0000',
    'CONFIG.DUMP',
    ' config.dump',
    '\u001b]0;config.dump',
    'config.dump\u202e',
  ];
  const tar = await tarOf([
    { name: 'config.dump', content: config('right') },
    { name: 'spec.dump', content: utf8('{}') },
    ...names.map((name) => ({ name, content: config('wrong') })),
    { name: 'checkpoint/config.dump', type: 'symlink' as const, linkName: '/etc/passwd' },
  ]);
  for (const bytes of [tar, gzipSync(tar)]) {
    const checkpoint = await open(bytes);
    assert.equal((await readIdentity(checkpoint)).id, 'right');
    for (const name of ['../config.dump', '/config.dump']) {
      assert.equal((await checkpoint.find(name))?.name, name, 'a name is found as it stands, and only so');
    }
    await checkpoint.close();
  }
});

test('openArchive + links and devices in place of a known member have no content', async () => {
  for (const type of [
    'symlink',
    'fifo',
    'character-device',
    'block-device',
    'directory',
    'hardlink',
  ] as const) {
    const tar = await tarOf([
      { name: 'config.dump', content: utf8('{}') },
      { name: 'config.dump', type, linkName: type.endsWith('link') ? '/etc/passwd' : '' },
      { name: 'spec.dump', content: utf8('{}') },
    ]);
    const checkpoint = await open(tar);
    await assert.rejects(readIdentity(checkpoint), (error) => isCoded(error, 'not-found'), type);
    await checkpoint.close();
  }
});

const exhausted = (error: unknown): boolean => isCoded(error, 'resource-exhausted');

for (const [name, way] of Object.entries(ways)) {
  test(`openArchive + ${name}: bombs end at a limit`, async () => {
    const zeros = await tarOf([{ name: 'checkpoint/pages-1.img', content: new Uint8Array(32 << 20) }]);
    for (const bomb of [gzipSync(zeros), zstdCompressSync(zeros)]) {
      assert.ok(bomb.length < 100_000);
      await assert.rejects(readThrough(bomb, { totalBytes: 1 << 20 }, way), exhausted);
      const checkpoint = await open(bomb, {}, way);
      await assert.rejects(checkpoint.read('checkpoint/pages-1.img', { limit: 1 << 20 }), exhausted);
      await checkpoint.close();
    }
    // Zeros without end behind the end mark.
    const tail = gzipSync(Buffer.concat([await tarOf([]), Buffer.alloc(32 << 20)]));
    await assert.rejects(readThrough(tail, { totalBytes: 1 << 20 }, way), exhausted);
  });
}

test('openArchive + a sparse member that claims to be huge costs nothing until it is read', async () => {
  const records = encodePax([
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.name', 'config.dump'],
    ['GNU.sparse.realsize', String(2 ** 37)],
  ]);
  const header = encodeHeader({ name: 'x', size: records.length }).slice();
  header[156] = 'x'.charCodeAt(0);
  const map = Buffer.concat([utf8('0\n'), new Uint8Array(510)]);
  const tar = Buffer.concat([
    sealed(header),
    records,
    new Uint8Array(512 - (records.length % 512)),
    encodeHeader({ name: 'x', size: 512 }),
    map,
    new Uint8Array(1024),
  ]);
  const checkpoint = await open(tar);
  assert.equal((await checkpoint.find('config.dump'))?.size, 2 ** 37);
  await assert.rejects(readIdentity(checkpoint), (error) => isCoded(error, 'resource-exhausted'));
  await assert.rejects((await open(tar, { totalBytes: 1 << 30 })).members(), (error) =>
    isCoded(error, 'resource-exhausted'),
  );
});

/** The header with its sum made right again. */
function sealed(block: Uint8Array): Uint8Array {
  let sum = 8 * 0x20;
  block.forEach((byte, i) => {
    if (i < 148 || i >= 156) sum += byte;
  });
  block.set(utf8(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return block;
}

test('openArchive + very many members are refused before they fill the memory', async () => {
  const header = encodeHeader({ name: 'm', size: 0 });
  const many = Buffer.concat(Array.from({ length: 20_000 }, () => header));
  const bomb = zstdCompressSync(Buffer.concat([many, Buffer.alloc(1024)]));
  assert.ok(bomb.length < 10_000);
  await assert.rejects(
    open(bomb, { members: 10_000 }).then((checkpoint) => checkpoint.members()),
    (error) => isCoded(error, 'resource-exhausted') && /--max-members/.test(error.hint ?? ''),
  );
});

test('openArchive + files that are no archive', async () => {
  for (const bytes of [
    utf8('hello'),
    utf8('x'.repeat(5000)),
    new Uint8Array(300),
    Uint8Array.of(0x1f, 0x8b, 8),
  ]) {
    await assert.rejects(readThrough(bytes), refused);
  }
  assert.equal(await readThrough(new Uint8Array(0)), '');
  assert.equal(await readThrough(await tarOf([])), '');
  assert.equal(await readThrough(zstdDecompressSync(real.zstd)), await readThrough(real.zstd));
});
