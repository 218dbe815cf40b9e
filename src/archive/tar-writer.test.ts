import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytesSource, readChunks } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { textOf, utf8 } from '../bytes/text.ts';
import { indexTar, openEntry } from './tar-index.ts';
import { streamTar } from './tar-stream.ts';
import { type TarMember, writeTar } from './tar-writer.ts';

async function tarOf(members: TarMember[]): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(members)) pieces.push(piece);
  return concat(pieces);
}

function scratch(t: { after(clean: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'tar-writer-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const long = `checkpoint/${'a'.repeat(90)}/${'b'.repeat(120)}.img`;
const tooLongForUstar = `${'c'.repeat(180)}/${'d'.repeat(180)}`;

test('writeTar + GNU tar unpacks what was written', async (t) => {
  const folder = scratch(t);
  const members: TarMember[] = [
    { name: 'checkpoint', type: 'directory', mtime: 1_700_000_000 },
    { name: 'checkpoint/inventory.img', content: utf8('inventory'), mode: 0o640, mtime: 1_700_000_000 },
    { name: long, content: utf8('long') },
    { name: tooLongForUstar, content: utf8('longer') },
    { name: 'grüße.txt', content: utf8('ü') },
    { name: 'empty', content: new Uint8Array(0) },
    { name: 'streamed', size: 600, content: pieces([utf8('x'.repeat(512)), utf8('y'.repeat(88))]) },
    { name: 'link', type: 'symlink', linkName: 'checkpoint/inventory.img' },
    { name: 'hard', type: 'hardlink', linkName: 'checkpoint/inventory.img' },
    { name: 'late', content: utf8('z'), mtime: 1.5 },
  ];
  const tar = await tarOf(members);
  writeFileSync(join(folder, 'a.tar'), tar);
  execFileSync('tar', ['-xf', 'a.tar', '--no-same-owner'], { cwd: folder });
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  assert.equal(read('checkpoint/inventory.img'), 'inventory');
  assert.equal(statSync(join(folder, 'checkpoint/inventory.img')).mode & 0o777, 0o640);
  assert.equal(statSync(join(folder, 'checkpoint/inventory.img')).mtimeMs, 1_700_000_000_000);
  assert.equal(read(long), 'long');
  assert.equal(read(tooLongForUstar), 'longer');
  assert.equal(read('grüße.txt'), 'ü');
  assert.equal(read('streamed'), 'x'.repeat(512) + 'y'.repeat(88));
  assert.equal(readlinkSync(join(folder, 'link')), 'checkpoint/inventory.img');
  assert.equal(statSync(join(folder, 'hard')).ino, statSync(join(folder, 'checkpoint/inventory.img')).ino);
  assert.equal(statSync(join(folder, 'late')).mtimeMs, 1500);
  assert.equal(readdirSync(folder).length, 9);
});

/** Releases of GNU tar differ in the device numbers of what is no device: zeros or nothing; the sum follows. */
function withoutDevices(tar: Uint8Array): Buffer {
  const bytes = Buffer.from(tar);
  for (let at = 0; at < bytes.length; at += 512) {
    if (bytes.toString('latin1', at + 257, at + 262) !== 'ustar') continue;
    bytes.fill(0, at + 329, at + 345);
    bytes.fill(0, at + 148, at + 156);
  }
  return bytes;
}

test('writeTar + plain members are byte-equal to GNU tar in ustar form', async (t) => {
  const folder = scratch(t);
  writeFileSync(join(folder, 'config.dump'), '{"id":"x"}', { mode: 0o600 });
  writeFileSync(join(folder, 'big'), 'q'.repeat(5000), { mode: 0o644 });
  const options = ['--format=ustar', '--owner=root:0', '--group=root:0', '--mtime=@1700000000', '-b2'];
  const theirs = execFileSync('tar', [...options, '-cf', '-', 'config.dump', 'big'], { cwd: folder });
  const common = { mtime: 1_700_000_000, userName: 'root', groupName: 'root' };
  const ours = await tarOf([
    { name: 'config.dump', content: utf8('{"id":"x"}'), mode: 0o600, ...common },
    { name: 'big', content: utf8('q'.repeat(5000)), mode: 0o644, ...common },
  ]);
  assert.ok(withoutDevices(theirs.subarray(0, ours.length)).equals(withoutDevices(ours)));
});

test('writeTar + names that are not UTF-8, large ids and attributes survive', async () => {
  const raw = `raw-${String.fromCharCode(0xdcff)}`;
  const tar = await tarOf([
    { name: raw, content: utf8('r'), uid: 5_000_000, gid: 0o7777777, xattrs: { 'user.a': 'b\nc' } },
    { name: `${raw}/${'n'.repeat(300)}`, content: utf8('s') },
  ]);
  const index = await indexTar(bytesSource(tar));
  assert.deepEqual([...index.names()], [raw, `${raw}/${'n'.repeat(300)}`]);
  assert.equal(index.entries[0]?.uid, 5_000_000);
  assert.equal(index.entries[0]?.gid, 0o7777777);
  assert.deepEqual(index.entries[0]?.xattrs, { 'user.a': 'b\nc' });
});

test('writeTar + members of another archive are taken over byte by byte', async (t) => {
  const folder = scratch(t);
  writeFileSync(join(folder, 'a'), 'a'.repeat(700));
  writeFileSync(join(folder, 'b'.repeat(150)), 'b');
  const gnu = execFileSync('tar', ['--format=gnu', '-b2', '-cf', '-', 'a', 'b'.repeat(150)], { cwd: folder });
  const from = bytesSource(gnu);
  const index = await indexTar(from);
  const ours = await tarOf(index.entries.map((entry) => ({ entry, from })));
  // GNU tar fills the last record up with more zeros.
  assert.ok(gnu.subarray(0, ours.length).equals(ours));
  assert.ok(gnu.subarray(ours.length).every((byte) => byte === 0));
});

test('writeTar + content of another length than announced is refused', async () => {
  for (const size of [3, 5]) {
    await assert.rejects(tarOf([{ name: 'x', size, content: pieces([utf8('four')]) }]), /announced/);
  }
});

test('writeTar + every size from 0 to two blocks reads back', async () => {
  const members = Array.from({ length: 1025 }, (_, size) => ({
    name: `m${size}`,
    content: utf8('v'.repeat(size)),
  }));
  const source = bytesSource(await tarOf(members));
  const index = await indexTar(source);
  for (const { name, content } of members) {
    const entry = index.content(name);
    assert.ok(entry);
    const member = openEntry(source, entry);
    assert.equal(textOf(await member.read(0, member.size)), textOf(content));
  }
});

async function* pieces(all: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

test('writeTar + sparse: holes are not stored, and read as zeros again at random and as they stream by', async () => {
  const whole = new Uint8Array(40_000);
  whole.fill(1, 1000, 1500);
  whole.fill(2, 30_000, 30_001);
  const data = [
    { offset: 1000, length: 500 },
    { offset: 30_000, length: 1 },
  ];
  const long = `${'d'.repeat(120)}/${'\u00e4'.repeat(60)}`;
  const cases = [
    { name: 'sparse', content: whole, sparse: data },
    { name: long, content: whole, sparse: data },
    { name: 'hole', content: new Uint8Array(40_000), sparse: [] },
    { name: 'full', content: whole, sparse: [{ offset: 0, length: 40_000 }] },
  ];
  for (const { name, content, sparse } of cases) {
    const pieces: Uint8Array[] = [];
    const members = [
      { name, content: bytesSource(content), sparse, mode: 0o640 },
      { name: 'next', content: utf8('x') },
    ];
    for await (const piece of writeTar(members)) pieces.push(piece);
    const tar = concat(pieces);
    if (name !== 'full') assert.ok(tar.length < 8192, `${tar.length}`);
    const source = bytesSource(tar);
    const index = await indexTar(source);
    assert.deepEqual(
      index.entries.map((entry) => [entry.name, entry.size, entry.mode]),
      [
        [name, 40_000, 0o640],
        ['next', 1, 0o600],
      ],
    );
    const entry = index.content(name);
    assert.ok(entry?.sparse);
    assert.deepEqual(await openEntry(source, entry).read(0, 40_000), content);
    for await (const member of streamTar(readChunks(source, 777))) {
      if (member.entry.name !== name) continue;
      const streamed: Uint8Array[] = [];
      for await (const piece of member.content()) streamed.push(piece.slice());
      assert.deepEqual(concat(streamed), content);
    }
  }
});
