import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openFixture } from '../../test/fixture-archives.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { encodeCrit } from '../criu/crit-encode.ts';
import { type ImageFiles, ImageSet } from '../criu/image-set.ts';
import { Memory } from '../criu/pages.ts';
import { isCoded } from '../errors/coded-error.ts';
import { imagesOf } from './images.ts';
import { diffPages, type PageDiff } from './page-diff.ts';

async function imagesIn(t: TestContext, name: string): Promise<ImageSet> {
  const checkpoint = await openFixture(name);
  t.after(() => checkpoint.close());
  return imagesOf(checkpoint);
}

async function all(before: ImageSet, after: ImageSet, maxRanges?: number): Promise<PageDiff[]> {
  const found: PageDiff[] = [];
  for await (const one of diffPages(before, after, maxRanges ? { maxRanges } : {})) found.push(one);
  return found;
}

/** The same images with other bytes in one file. */
async function altered(
  images: ImageSet,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<ImageSet> {
  const bytes = change(Uint8Array.from((await images.bytes(name)) ?? []));
  const files: ImageFiles = {
    names: () => images.files.names(),
    open: async (wanted) => (wanted === name ? bytesSource(bytes) : images.files.open(wanted)),
  };
  return new ImageSet(files);
}

test('diffPages: a checkpoint does not differ from itself, shared memory included', async (t) => {
  const images = await imagesIn(t, 'crun-1.28-memory.tar');
  const found = await all(images, images);
  assert.ok(found.some(({ segment }) => segment !== undefined));
  for (const { pages, maps } of found) {
    assert.deepEqual({ ...pages, same: 0 }, { same: 0, changed: 0, added: 0, removed: 0, unknown: 0 });
    assert.ok(maps.every(({ ranges, only }) => ranges.length === 0 && only === undefined));
  }
  const memory = await Memory.open(images, 'pagemap-1.img');
  assert.equal(found[0]?.pages.same, memory?.ownPages);
  await memory?.close();
});

test('diffPages: one byte changes one page, of the map that it lies in', async (t) => {
  const images = await imagesIn(t, 'crun-1.28-tasks.tar');
  const memory = await Memory.open(images, 'pagemap-1.img');
  const run = [...(memory?.runs() ?? [])].at(-1);
  await memory?.close();
  assert.ok(run);
  const other = await altered(images, 'pages-1.img', (bytes) => {
    bytes[run.offset + 4097] = (bytes[run.offset + 4097] ?? 0) ^ 1;
    return bytes;
  });
  const changed = (await all(images, other)).filter(({ pages }) => pages.changed > 0);
  assert.equal(changed.length, 1);
  assert.equal(changed[0]?.pages.changed, 1);
  const map = changed[0]?.maps.find(({ pages }) => pages.changed > 0);
  assert.equal(map?.name, '[stack]');
  const start = run.start + 4096n;
  assert.deepEqual(map?.ranges, [{ start, end: start + 4096n, change: 'changed' }]);
});

test('diffPages: processes that only one checkpoint has, maps with other rights', async (t) => {
  const [tasks, sockets] = [
    await imagesIn(t, 'crun-1.28-tasks.tar'),
    await imagesIn(t, 'crun-1.28-sockets.tar'),
  ];
  const found = await all(tasks, sockets);
  const gone = found.find(({ pid }) => pid === 4);
  assert.ok(gone && gone.pages.removed > 0);
  assert.equal(
    gone.pages.removed,
    Object.values(gone.pages).reduce((sum, one) => sum + one, 0),
  );
  const first = found.find(({ pid }) => pid === 1);
  assert.ok(first?.maps.some(({ rightsBefore, rights }) => rightsBefore === 'r-xp' && rights === 'r--p'));
  assert.ok(first?.maps.some(({ only, name }) => only === 'before' && name === '[stack]'));
  const back = await all(sockets, tasks);
  assert.equal(back.find(({ pid }) => pid === 4)?.pages.added, gone.pages.removed);
});

/** A process 7 whose pages have the numbers and flags given; every byte of a page is as `fill` says. */
function madeOf(
  runs: readonly (readonly [page: number, count: number, flags: number])[],
  fill: number,
  size?: number,
) {
  const entries = runs.map(([page, count, flags]) => ({
    ...{ vaddr: page * 4096, compat_nr_pages: 0, nr_pages: count, flags },
  }));
  const pages = runs.reduce((sum, [, count, flags]) => sum + (flags & 4 ? count : 0), 0);
  const files: Record<string, Uint8Array> = {
    'pstree.img': encodeCrit(
      JSON.stringify({ magic: 'PSTREE', entries: [{ pid: 7, ppid: 0, pgid: 7, sid: 7, threads: [7] }] }),
    ),
    'pagemap-7.img': encodeCrit(JSON.stringify({ magic: 'PAGEMAP', entries: [{ pages_id: 1 }, ...entries] })),
    'pages-1.img': new Uint8Array(size ?? pages * 4096).fill(fill),
  };
  return new ImageSet({
    names: async () => Object.keys(files),
    open: async (name) => files[name] && bytesSource(files[name]),
  });
}

test('diffPages: stretches that overlap in every way; what was left on a page server is unknown', async () => {
  const before = madeOf(
    [
      [10, 4, 4],
      [20, 2, 2],
      [30, 2, 4],
    ],
    1,
  );
  const after = madeOf(
    [
      [8, 4, 4],
      [13, 2, 4],
      [21, 3, 4],
      [30, 2, 2],
    ],
    2,
  );
  const [one] = await all(before, after);
  assert.deepEqual(one?.pages, { same: 0, changed: 3, added: 5, removed: 1, unknown: 4 });
  const [few] = await all(before, after, 2);
  assert.equal(few?.maps[0]?.ranges.length, 2);
  assert.equal(few?.maps[0]?.moreRanges, 6);
});

test('diffPages: pages that the pages file does not have are an error, however many', async () => {
  const good = madeOf([[10, 4, 4]], 1);
  for (const count of [5, 2 ** 40]) {
    await assert.rejects(all(good, madeOf([[10, count, 4]], 1, 4 * 4096)), (error) =>
      isCoded(error, 'corrupt'),
    );
    await assert.rejects(all(madeOf([[900, count, 4]], 1, 4 * 4096), good), (error) =>
      isCoded(error, 'corrupt'),
    );
  }
});
