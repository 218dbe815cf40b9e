import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ByteSource, bytesSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { textOf, utf8 } from '../bytes/text.ts';
import { isCoded } from '../errors/coded-error.ts';
import { resolveLimits } from './limits.ts';
import { headerSum } from './tar-header.ts';
import { indexTar, openEntry, type TarIndex } from './tar-index.ts';
import { streamTar } from './tar-stream.ts';
import { encodeHeader, type TarMember, writeTar } from './tar-writer.ts';

async function tarOf(members: TarMember[]): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(members)) pieces.push(piece);
  return concat(pieces);
}

async function read(source: ByteSource, index: TarIndex, name: string): Promise<string | undefined> {
  const entry = index.content(name);
  if (!entry) return undefined;
  const member = openEntry(source, entry);
  return textOf(await member.read(0, member.size));
}

/** The same through the stream reader, in pieces of `size` bytes: everything it gives, by name. */
async function streamed(tar: Uint8Array, size: number): Promise<Map<string, string>> {
  async function* pieces() {
    for (let at = 0; at < tar.length; at += size) yield tar.subarray(at, at + size);
  }
  const found = new Map<string, string>();
  for await (const { entry, content } of streamTar(pieces())) {
    if (entry.type !== 'file') continue;
    const parts: Uint8Array[] = [];
    for await (const part of content()) parts.push(part);
    found.set(entry.name, textOf(concat(parts)));
  }
  return found;
}

function scratch(t: { after(clean: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'tar-index-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

for (const format of ['v7', 'oldgnu', 'gnu', 'ustar', 'pax']) {
  test(`indexTar + GNU tar's ${format} form is read alike from a file and from a stream`, async (t) => {
    const folder = scratch(t);
    const names = ['short', 'm'.repeat(90)];
    if (format !== 'v7' && format !== 'ustar') names.push('n'.repeat(180), 'ümläut');
    for (const name of names) writeFileSync(join(folder, name), `content of ${name}`.repeat(100));
    const tar = execFileSync('tar', [`--format=${format}`, '-cf', '-', '.'], { cwd: folder });
    const source = bytesSource(tar);
    const index = await indexTar(source);
    assert.deepEqual([...index.names()].sort(), [...names].sort());
    for (const name of names) assert.equal(await read(source, index, name), `content of ${name}`.repeat(100));
    const stream = await streamed(tar, 700);
    for (const name of names) assert.equal(stream.get(`./${name}`), `content of ${name}`.repeat(100));
  });
}

for (const args of [
  ['--format=gnu'],
  ['--format=pax', '--sparse-version=0.0'],
  ['--format=pax', '--sparse-version=0.1'],
  ['--format=pax', '--sparse-version=1.0'],
]) {
  test(`indexTar + sparse members as GNU tar writes them with ${args.join(' ')}`, async (t) => {
    const folder = scratch(t);
    const file = openSync(join(folder, 'holes'), 'w');
    for (let i = 0; i < 40; i++) writeSync(file, Buffer.alloc(4096, 65 + i), 0, 4096, i * 65536 + 8192);
    ftruncateSync(file, 3_000_000);
    closeSync(file);
    writeFileSync(join(folder, 'plain'), 'after');
    const tar = execFileSync('tar', [...args, '-S', '-cf', '-', 'holes', 'plain'], { cwd: folder });
    assert.ok(tar.length < 1_000_000, 'GNU tar made it sparse');
    const source = bytesSource(tar);
    const index = await indexTar(source);
    const entry = index.content('holes');
    assert.ok(entry);
    assert.equal(entry.sparse?.length, 40);
    const whole = readFileSync(join(folder, 'holes'));
    const member = openEntry(source, entry);
    assert.equal(member.size, whole.length);
    assert.deepEqual(Buffer.from(await member.read(0, member.size)), whole);
    for (const [from, length] of [
      [8000, 500],
      [8192, 1],
      [12287, 2],
      [2_999_999, 1],
      [100_000, 200_000],
    ] as const) {
      assert.deepEqual(Buffer.from(await member.read(from, length)), whole.subarray(from, from + length));
    }
    assert.equal(await read(source, index, 'plain'), 'after');
    assert.equal((await streamed(tar, 1000)).get('holes'), whole.toString('utf8'));
  });
}

test('indexTar + the last of several members of one name counts, and a hard link gives its file', async () => {
  const tar = await tarOf([
    { name: 'config.dump', content: utf8('first') },
    { name: './config.dump', content: utf8('second') },
    { name: 'hard', type: 'hardlink', linkName: 'config.dump' },
    { name: 'hard2', type: 'hardlink', linkName: './hard' },
    { name: 'nowhere', type: 'hardlink', linkName: 'missing' },
    { name: 'gone', content: utf8('x') },
    { name: 'gone', type: 'symlink', linkName: '/etc/passwd' },
    { name: 'folder/', type: 'directory' },
    { name: 'pipe', type: 'fifo' },
    { name: 'device', type: 'character-device', devMajor: 1, devMinor: 3 },
  ]);
  const source = bytesSource(tar);
  const index = await indexTar(source);
  assert.deepEqual([...index.names()], ['config.dump', 'hard', 'hard2']);
  for (const name of index.names()) assert.equal(await read(source, index, name), 'second');
  assert.equal(index.get('gone')?.type, 'symlink');
  assert.equal(index.entries.length, 10);
});

test('indexTar + a plain archive is seeked, not read through', async () => {
  const size = 64 << 20;
  const head = encodeHeader({ name: 'checkpoint/pages-1.img', size });
  const tail = await tarOf([{ name: 'config.dump', content: utf8('{}') }]);
  let bytesRead = 0;
  const source: ByteSource = {
    size: head.length + size + tail.length,
    async read(offset, length) {
      bytesRead += length;
      const out = new Uint8Array(length);
      for (const [at, part] of [
        [0, head],
        [head.length + size, tail],
      ] as const) {
        for (let i = 0; i < part.length; i++) {
          if (at + i >= offset && at + i < offset + length) out[at + i - offset] = part[i] ?? 0;
        }
      }
      return out;
    },
    async close() {},
  };
  const index = await indexTar(source);
  assert.deepEqual([...index.names()], ['checkpoint/pages-1.img', 'config.dump']);
  assert.ok(bytesRead < 100_000, `${bytesRead} bytes read`);
});

test('indexTar + an archive cut off anywhere is refused, from a file and from a stream', async () => {
  const tar = await tarOf([
    { name: 'a', content: utf8('a'.repeat(700)) },
    { name: 'n'.repeat(300), content: utf8('b'.repeat(10)) },
    { name: 'c', content: new Uint8Array(0) },
  ]);
  for (let length = 1; length < tar.length - 1024; length += 7) {
    const cut = tar.subarray(0, length);
    await assert.rejects(indexTar(bytesSource(cut)), (error) => isCoded(error, 'corrupt'), `${length}`);
    await assert.rejects(streamed(cut, 100), (error) => isCoded(error, 'corrupt'), `${length}`);
  }
  assert.equal((await indexTar(bytesSource(new Uint8Array(0)))).entries.length, 0);
});

test('indexTar + a flipped bit in a header is noticed', async () => {
  const tar = await tarOf([{ name: 'a', content: utf8('a'.repeat(512)) }]);
  for (let bit = 0; bit < 512 * 8; bit++) {
    const bad = tar.slice();
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    // Spaces and NULs around the sum mean the same.
    const same = await indexTar(bytesSource(bad)).then(
      (index) => index.entries[0]?.name === 'a' && index.entries[0].size === 512,
      (error) => isCoded(error, 'corrupt'),
    );
    assert.ok(same, `bit ${bit}`);
  }
});

function withHeader(change: (block: Uint8Array) => void, body = new Uint8Array(0)): Uint8Array {
  const block = encodeHeader({ name: 'm', size: body.length }).slice();
  change(block);
  const digits = headerSum(block).toString(8).padStart(6, '0');
  block.set(utf8(`${digits}\0 `), 148);
  return concat([block, body, new Uint8Array((512 - (body.length % 512)) % 512), new Uint8Array(1024)]);
}

test('indexTar + numbers in base 256, and those that no archive can have', async () => {
  const tar = withHeader(
    (block) => block.set([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0], 124),
    new Uint8Array(512),
  );
  assert.equal((await indexTar(bytesSource(tar))).entries[0]?.size, 512);
  for (const size of [
    [0xff, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
    [0x80, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
    [0x38, 0x39, 0x38, 0x39, 0, 0, 0, 0, 0, 0, 0, 0],
  ]) {
    const bad = withHeader((block) => block.set(size, 124));
    await assert.rejects(indexTar(bytesSource(bad)), (error) => isCoded(error, 'corrupt'));
  }
});

test('indexTar + links and devices that claim content are refused', async () => {
  for (const flag of '123456') {
    const bad = withHeader((block) => block.set(utf8(flag), 156), new Uint8Array(512));
    await assert.rejects(indexTar(bytesSource(bad)), /512 bytes of content/);
  }
});

test('indexTar + each limit is kept and its flag named', async () => {
  const tar = await tarOf([
    { name: 'n'.repeat(300), content: utf8('b'.repeat(1000)) },
    { name: 'c', content: utf8('c') },
  ]);
  for (const [limit, flag] of [
    [{ members: 1 }, /--max-members/],
    [{ nameBytes: 299 }, /--max-name-length/],
    [{ headerBytes: 300 }, /--max-header-size/],
    [{ indexBytes: 400 }, /--max-index-size/],
    [{ totalBytes: 1000 }, /--max-total-size/],
  ] as const) {
    await assert.rejects(
      indexTar(bytesSource(tar), { limits: resolveLimits(limit) }),
      (error) => isCoded(error, 'resource-exhausted') && flag.test(error.hint ?? ''),
    );
  }
});

test('indexTar + an extended header that claims more than the limit is refused before it is read', async () => {
  const bad = withHeader((block) => {
    block.set(utf8('x'), 156);
    block.set(utf8('77777777777'), 124);
  });
  await assert.rejects(indexTar(bytesSource(bad)), (error) => isCoded(error, 'resource-exhausted'));
});

test('indexTar + malformed extended headers are refused', async () => {
  for (const body of [
    '',
    '5 a=\n',
    '999 path=x\n',
    '11 path=ab',
    '0 a=b\n',
    'x',
    '6 =ab\n',
    '20 size=9x99999999\n',
    '99999999999999999999 a=b\n',
  ]) {
    const header = withHeader((block) => block.set(utf8('x'), 156), utf8(body)).subarray(0, -1024);
    const tar = concat([header, await tarOf([{ name: 'm' }])]);
    const outcome = await indexTar(bytesSource(tar)).then(
      (index) => (body === '' || body === '5 a=\n') && index.entries.length === 1,
      (error) => isCoded(error, 'corrupt'),
    );
    assert.ok(outcome, body);
  }
  const globalPath = withHeader((block) => block.set(utf8('g'), 156), utf8('10 path=x\n')).subarray(0, -1024);
  await assert.rejects(indexTar(bytesSource(concat([globalPath, await tarOf([{ name: 'm' }])]))), /global/);
});
