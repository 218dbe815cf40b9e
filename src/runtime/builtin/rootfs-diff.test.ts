import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { atEnd, folderFor, needsRuntime } from '../../../test/runtime.ts';
import { writeTar } from '../../archive/tar-writer.ts';
import { bytesSource } from '../../bytes/byte-source.ts';
import { rootfsDirectories } from './paths.ts';
import type { ContainerRecord } from './records.ts';
import { mountRootfs, unmountRootfs } from './rootfs.ts';
import { applyRootfsDiff, rootfsDiff } from './rootfs-diff.ts';

const id = 'c'.repeat(64);

interface Mounted {
  paths: { root: string; state: string };
  record: ContainerRecord;
  merged: string;
}

/** A root file system over one layer, mounted until the test's end. */
async function mounted(t: TestContext, layer: string): Promise<Mounted> {
  const root = folderFor(t, 'rootfs');
  const paths = { root, state: join(root, 'state') };
  atEnd(t, () => unmountRootfs(paths, id));
  await mountRootfs(paths, id, [layer]);
  const record = { id, image: { layers: [layer] } } as unknown as ContainerRecord;
  return { paths, record, merged: rootfsDirectories(paths, id).merged };
}

function layerFor(t: TestContext): string {
  const layer = folderFor(t, 'layer');
  mkdirSync(join(layer, 'd/sub'), { recursive: true });
  for (const name of ['gone', 'changed', 'same', 'd/old', 'd/sub/deep', 'd/kept']) {
    writeFileSync(join(layer, name), `image's ${name}`);
  }
  return layer;
}

function change(merged: string): void {
  rmSync(join(merged, 'gone'));
  writeFileSync(join(merged, 'changed'), 'changed');
  rmSync(join(merged, 'd'), { recursive: true });
  mkdirSync(join(merged, 'd'));
  writeFileSync(join(merged, 'd/kept'), 'made again');
  mkdirSync(join(merged, 'new'), { mode: 0o2770 });
  writeFileSync(join(merged, 'new/a'), 'a');
  linkSync(join(merged, 'new/a'), join(merged, 'new/b'));
  symlinkSync('/nowhere', join(merged, 'new/link'));
  execFileSync('mkfifo', [join(merged, 'new/pipe')]);
  writeFileSync(join(merged, 'passing'), '');
  rmSync(join(merged, 'passing'));
}

test('rootfsDiff lists what is new or changed and what is gone', needsRuntime, async (t) => {
  const { paths, record, merged } = await mounted(t, layerFor(t));
  assert.deepEqual(await rootfsDiff(paths, record), { members: [], deleted: [], notes: [] });
  change(merged);
  const diff = await rootfsDiff(paths, record);
  assert.deepEqual(diff.deleted.sort(), ['/d/old', '/d/sub', '/gone']);
  assert.deepEqual(
    diff.members.map(({ name, type, linkName }) => [name, type, linkName]),
    [
      ['changed', 'file', undefined],
      ['d', 'directory', undefined],
      ['d/kept', 'file', undefined],
      ['new', 'directory', undefined],
      ['new/a', 'file', undefined],
      ['new/b', 'hardlink', 'new/a'],
      ['new/link', 'symlink', '/nowhere'],
      ['new/pipe', 'fifo', undefined],
    ],
  );
});

test('rootfsDiff sees a folder that was renamed whole', needsRuntime, async (t) => {
  const { paths, record, merged } = await mounted(t, layerFor(t));
  // Without redirects the kernel refuses to rename a folder of the image; mv copies it.
  assert.throws(() => renameSync(join(merged, 'd'), join(merged, 'e')), { code: 'EXDEV' });
  execFileSync('mv', [join(merged, 'd'), join(merged, 'e')]);
  const diff = await rootfsDiff(paths, record);
  assert.deepEqual(diff.deleted, ['/d']);
  const names = diff.members.map(({ name }) => name);
  assert.deepEqual(names, ['e', 'e/kept', 'e/old', 'e/sub', 'e/sub/deep']);
});

for (const packed of [false, true]) {
  const kind = packed ? 'packed' : 'plain';
  test(`applyRootfsDiff makes the same of the image again (${kind})`, needsRuntime, async (t) => {
    const layer = layerFor(t);
    const before = await mounted(t, layer);
    change(before.merged);
    const { members, deleted } = await rootfsDiff(before.paths, before.record);
    const pieces: Uint8Array[] = [];
    for await (const piece of writeTar(members)) pieces.push(piece);
    const tar = Buffer.concat(pieces);
    const after = await mounted(t, layer);
    const source = bytesSource(packed ? gzipSync(tar) : tar);
    const notes = await applyRootfsDiff(after.paths, after.record, source, deleted);
    assert.deepEqual(notes, []);
    assert.deepEqual(listing(after.merged), listing(before.merged));
  });
}

function listing(folder: string): unknown[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => {
    const info = lstatSync(join(folder, name));
    const content = info.isFile() ? readFileSync(join(folder, name), 'utf8') : '';
    const more = info.isFile() ? [info.nlink, Math.floor(info.mtimeMs)] : [];
    return [name, info.mode, info.uid, info.gid, content, ...more];
  });
}

test('applyRootfsDiff deletes nothing outside the root file system', needsRuntime, async (t) => {
  const outside = folderFor(t, 'outside');
  writeFileSync(join(outside, 'victim'), '');
  const { paths, record, merged } = await mounted(t, layerFor(t));
  await assert.rejects(applyRootfsDiff(paths, record, undefined, ['/../../victim']), { code: 'corrupt' });
  symlinkSync(outside, join(merged, 'link'));
  await applyRootfsDiff(paths, record, undefined, ['/link/victim', '/']);
  assert.ok(existsSync(join(outside, 'victim')));
  assert.ok(existsSync(join(merged, 'same')));
});
