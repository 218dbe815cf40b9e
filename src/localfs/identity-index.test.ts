import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { folderFor } from '../../test/runtime.ts';
import type { ListedIdentity } from '../checkpoint/identity-table.ts';
import { IdentityIndex } from './identity-index.ts';
import { mostIndexes } from './index-folder.ts';

const identity: ListedIdentity = {
  engine: 'Podman',
  id: '1',
  name: 'c1',
  image: 'i',
  created: '2026-11-21T01:03:23Z',
  checkpointed: undefined,
  pod: '',
  namespace: '',
};

/** Time enough has gone by for every change to show. */
const later = () => Date.now() + 60_000;

/** A directory with archives and a folder for its index. */
function scratch(t: TestContext, names = ['a']) {
  const folder = folderFor(t);
  const directory = join(folder, 'archives');
  mkdirSync(directory);
  for (const name of names) writeFileSync(join(directory, name), `archive ${name}`);
  const cache = join(folder, 'cache/lists');
  const open = (clock = later): IdentityIndex => {
    const index = IdentityIndex.open(cache, directory, clock);
    assert.ok(index);
    return index;
  };
  return { directory, cache, open, archive: join(directory, names[0] ?? '') };
}

function known(index: IdentityIndex, path: string): ListedIdentity | undefined {
  const stamp = index.stamp(path);
  return stamp && index.get(stamp);
}

function add(index: IdentityIndex, path: string): void {
  const stamp = index.stamp(path);
  assert.ok(stamp);
  index.add(path, stamp, identity);
}

/** The index file of a scratch where `archive` is remembered. */
async function written({ open, cache, archive }: ReturnType<typeof scratch>): Promise<string> {
  const index = open();
  add(index, archive);
  await index.save();
  assert.deepEqual(known(open(), archive), identity);
  const [name = ''] = readdirSync(cache);
  return join(cache, name);
}

test('IdentityIndex keeps a private file in a private folder', async (t) => {
  const place = scratch(t);
  const file = await written(place);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(place.cache).mode & 0o777, 0o700);
});

test('IdentityIndex forgets an archive rewritten in place, its size and modification time as before', async (t) => {
  const place = scratch(t);
  await written(place);
  const before = statSync(place.archive);
  writeFileSync(place.archive, 'archive b');
  utimesSync(place.archive, before.atime, before.mtime);
  const after = statSync(place.archive);
  assert.deepEqual([after.size, after.ino], [before.size, before.ino]);
  assert.equal(known(place.open(), place.archive), undefined);
});

test('IdentityIndex forgets an archive replaced by another of the same size and time', async (t) => {
  const place = scratch(t);
  await written(place);
  const { atime, mtime } = statSync(place.archive);
  writeFileSync(`${place.archive}.new`, 'archive b');
  utimesSync(`${place.archive}.new`, atime, mtime);
  renameSync(`${place.archive}.new`, place.archive);
  assert.equal(known(place.open(), place.archive), undefined);
});

test('IdentityIndex takes no archive that changed a moment ago, or while it was read', async (t) => {
  const place = scratch(t);
  const fresh = place.open(Date.now);
  add(fresh, place.archive);
  await fresh.save();
  assert.equal(known(place.open(), place.archive), undefined);
  const index = place.open();
  const stamp = index.stamp(place.archive);
  assert.ok(stamp);
  writeFileSync(place.archive, 'archive, longer');
  index.add(place.archive, stamp, identity);
  await index.save();
  assert.equal(known(place.open(), place.archive), undefined);
});

test('IdentityIndex gives no stamp to what is no regular file', (t) => {
  const place = scratch(t);
  const index = place.open();
  assert.equal(index.stamp(place.directory), undefined);
  assert.equal(index.stamp(join(place.directory, 'absent')), undefined);
  assert.equal(index.stamp(join(place.archive, 'below')), undefined);
});

const wrongs: Record<string, (file: string, cache: string) => void> = {
  'is altered': (file) => writeFileSync(file, readFileSync(file, 'latin1').replace('"c1"', '"c2"'), 'latin1'),
  'is cut off': (file) => writeFileSync(file, readFileSync(file).subarray(0, 60)),
  'is empty': (file) => writeFileSync(file, ''),
  'is written by another version': (file) =>
    writeFileSync(file, readFileSync(file, 'latin1').replace(/^(identities \d+ stasis) \S+/, '$1 9')),
  'may be read by others': (file) => chmodSync(file, 0o644),
  'may be written by others': (file) => chmodSync(file, 0o620),
  'is a link': (file) => {
    renameSync(file, `${file}.real`);
    symlinkSync(`${file}.real`, file);
  },
  'is a folder': (file) => {
    rmSync(file);
    mkdirSync(file);
  },
  'lies in a folder of others': (_file, cache) => chmodSync(cache, 0o770),
};

for (const [what, spoil] of Object.entries(wrongs)) {
  test(`IdentityIndex is empty where its file ${what}, and says nothing of it`, async (t) => {
    const place = scratch(t);
    const file = await written(place);
    spoil(file, place.cache);
    const index = place.open();
    assert.equal(known(index, place.archive), undefined);
    add(index, place.archive);
    await index.save();
  });
}

test('IdentityIndex remembers nothing of archives that are gone', async (t) => {
  const place = scratch(t, ['a', 'b']);
  const first = place.open();
  for (const name of ['a', 'b']) add(first, join(place.directory, name));
  await first.save();
  const [name = ''] = readdirSync(place.cache);
  const size = () => readFileSync(join(place.cache, name)).length;
  const both = size();
  const second = place.open();
  assert.ok(known(second, place.archive));
  await second.save();
  assert.ok(size() < both);
  await place.open().save();
  assert.deepEqual(readdirSync(place.cache), []);
});

test('IdentityIndex does without where nothing can be written', async (t) => {
  const place = scratch(t);
  const index = IdentityIndex.open(join(place.archive, 'no-folder'), place.directory, later);
  assert.ok(index);
  add(index, place.archive);
  await index.save();
});

test('IdentityIndex: several writers at once leave one whole file', async (t) => {
  const place = scratch(t, ['a', 'b', 'c', 'd']);
  const writers = ['a', 'b', 'c', 'd'].map((name) => {
    const index = place.open();
    add(index, join(place.directory, name));
    return index.save();
  });
  await Promise.all(writers);
  assert.equal(readdirSync(place.cache).length, 1);
  const index = place.open();
  const count = ['a', 'b', 'c', 'd'].filter((name) => known(index, join(place.directory, name))).length;
  assert.equal(count, 1);
});

test('IdentityIndex keeps so many files and no more', async (t) => {
  const place = scratch(t);
  const file = await written(place);
  for (let at = 0; at < mostIndexes + 3; at++) {
    const old = join(place.cache, `list-0-${at}`);
    writeFileSync(old, '');
    utimesSync(old, at, at);
  }
  const orphan = join(place.cache, '.123');
  writeFileSync(orphan, '');
  utimesSync(orphan, 1, 1);
  writeFileSync(place.archive, 'archive, changed');
  const index = place.open();
  add(index, place.archive);
  await index.save();
  const left = readdirSync(place.cache);
  assert.equal(left.length, mostIndexes);
  assert.ok(left.includes(file.slice(place.cache.length + 1)) && !left.includes('list-0-0'));
});
