import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor, needsRuntime } from '../../../test/runtime.ts';
import { streamTar } from '../../archive/tar-stream.ts';
import { type NewMember, writeTar } from '../../archive/tar-writer.ts';
import { type UnpackTarget, unpackLayer } from './layer-unpack.ts';

const file = (name: string, content: string): NewMember => ({ name, content: Buffer.from(content) });

function unpack(members: NewMember[], target: UnpackTarget) {
  return unpackLayer(streamTar(writeTar(members)), target);
}

test('unpackLayer keeps modes, owners, times, links and kinds', needsRuntime, async (t) => {
  const folder = folderFor(t);
  const done = await unpack(
    [
      { name: './', type: 'directory', mode: 0o711 },
      { name: 'a/', type: 'directory', mode: 0o750, uid: 12, gid: 34, mtime: 1_000_000 },
      { ...file('a/f', 'text'), mode: 0o4755, uid: 1, gid: 2, mtime: 2_000_000 },
      { name: 'a/hard', type: 'hardlink', linkName: 'a/f' },
      { name: 'a/soft', type: 'symlink', linkName: '../nowhere' },
      { name: 'a/pipe', type: 'fifo', mode: 0o622 },
      { name: 'a/null', type: 'character-device', devMajor: 1, devMinor: 3, mode: 0o666 },
    ],
    { folder },
  );
  assert.equal(done.members, 7);
  assert.equal(lstatSync(folder).mode & 0o7777, 0o711);
  const made = lstatSync(join(folder, 'a'));
  assert.deepEqual([made.mode & 0o7777, made.uid, made.gid, made.mtimeMs], [0o750, 12, 34, 1_000_000_000]);
  const inside = lstatSync(join(folder, 'a/f'));
  assert.deepEqual([inside.mode & 0o7777, inside.uid, inside.gid, inside.nlink], [0o4755, 1, 2, 2]);
  assert.equal(inside.mtimeMs, 2_000_000_000);
  assert.ok(lstatSync(join(folder, 'a/soft')).isSymbolicLink());
  assert.ok(lstatSync(join(folder, 'a/pipe')).isFIFO());
  assert.equal(lstatSync(join(folder, 'a/null')).rdev, 0x103);
});

test('unpackLayer lets no name and no link lead out of the folder', needsRuntime, async (t) => {
  const outside = folderFor(t, 'outside');
  writeFileSync(join(outside, 'victim'), 'untouched');
  for (const name of ['../escape', 'a/../../escape', '/../escape']) {
    await assert.rejects(unpack([file(name, 'x')], { folder: folderFor(t) }), { code: 'corrupt' }, name);
  }
  const folder = folderFor(t);
  await unpack(
    [
      { name: 'out', type: 'symlink', linkName: outside },
      { name: 'up', type: 'symlink', linkName: '../../../../../../../..' },
      file('out/victim', 'written through a link'),
      file('up/top', 'at the root of the layer'),
      { name: 'file', type: 'symlink', linkName: join(outside, 'victim') },
      file('file', 'in place of the link'),
    ],
    { folder },
  );
  assert.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'untouched');
  assert.equal(readFileSync(join(folder, outside, 'victim'), 'utf8'), 'written through a link');
  assert.equal(readFileSync(join(folder, 'top'), 'utf8'), 'at the root of the layer');
  assert.equal(readFileSync(join(folder, 'file'), 'utf8'), 'in place of the link');
});

test('unpackLayer refuses hard links to what is not there or outside', needsRuntime, async (t) => {
  const outside = folderFor(t, 'outside');
  writeFileSync(join(outside, 'victim'), 'secret');
  const folder = folderFor(t);
  for (const linkName of ['nowhere', '../victim', join(outside, 'victim')]) {
    const members: NewMember[] = [{ name: 'link', type: 'hardlink', linkName }];
    await assert.rejects(unpack(members, { folder }), { code: 'corrupt' }, linkName);
  }
  assert.ok(!existsSync(join(folder, 'link')));
});

test('unpackLayer refuses links that go round in a circle', needsRuntime, async (t) => {
  const members: NewMember[] = [
    { name: 'a', type: 'symlink', linkName: 'b' },
    { name: 'b', type: 'symlink', linkName: 'a' },
    file('a/x', ''),
  ];
  await assert.rejects(unpack(members, { folder: folderFor(t) }), {
    code: 'corrupt',
    message: /symbolic links/,
  });
});

test('unpackLayer marks for the overlay what a layer removes', needsRuntime, async (t) => {
  const below = folderFor(t, 'below');
  mkdirSync(join(below, 'd/sub'), { recursive: true });
  for (const name of ['gone', 'd/old', 'd/sub/deep', 'd/kept']) writeFileSync(join(below, name), name);
  const folder = join(folderFor(t), 'layer');
  mkdirSync(folder);
  await unpack(
    [
      { name: 'd', type: 'directory' },
      file('d/.wh..wh..opq', ''),
      file('d/kept', 'new'),
      { name: 'd/sub', type: 'directory' },
      file('.wh.gone', ''),
      file('.wh..wh.plnk', ''),
    ],
    { folder, below: [below] },
  );
  const isMark = (name: string): boolean => {
    const info = lstatSync(join(folder, name));
    return info.isCharacterDevice() && info.rdev === 0;
  };
  assert.ok(isMark('gone') && isMark('d/old') && isMark('d/sub/deep'));
  assert.equal(readFileSync(join(folder, 'd/kept'), 'utf8'), 'new');
  assert.deepEqual(readdirSync(folder).sort(), ['d', 'gone']);
});

test('unpackLayer puts no mark outside over a link of the layer', needsRuntime, async (t) => {
  const outside = folderFor(t, 'outside');
  writeFileSync(join(outside, 'victim'), '');
  const below = folderFor(t, 'below');
  mkdirSync(join(below, 'real'));
  writeFileSync(join(below, 'real/x'), '');
  symlinkSync(outside, join(below, 'sneaky'));
  const folder = join(folderFor(t), 'layer');
  mkdirSync(folder);
  await unpack(
    [
      { name: 'out', type: 'symlink', linkName: outside },
      { name: 'sneaky', type: 'directory' },
      file('out/.wh.new', ''),
      file('out/.wh.victim', ''),
      file('out/.wh..wh..opq', ''),
      file('sneaky/.wh..wh..opq', ''),
    ],
    { folder, below: [below] },
  );
  assert.deepEqual(readdirSync(outside), ['victim']);
  assert.deepEqual(readdirSync(join(folder, 'sneaky')), []);
});

test('unpackLayer removes from the folder itself where no layer is below', needsRuntime, async (t) => {
  const folder = folderFor(t);
  mkdirSync(join(folder, 'd'));
  for (const name of ['gone', 'd/old', 'd/kept']) writeFileSync(join(folder, name), 'old');
  symlinkSync('/etc', join(folder, 'link'));
  await unpack(
    [file('.wh.gone', ''), file('d/kept', 'new'), file('d/.wh..wh..opq', ''), file('.wh.link', '')],
    { folder },
  );
  assert.deepEqual(readdirSync(folder), ['d']);
  assert.deepEqual(readdirSync(join(folder, 'd')), ['kept']);
  assert.equal(readFileSync(join(folder, 'd/kept'), 'utf8'), 'new');
});
