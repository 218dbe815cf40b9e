import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesSource } from '../bytes/byte-source.ts';
import { isCoded } from '../errors/coded-error.ts';
import { encodeCrit } from './crit-encode.ts';
import { type ImageFiles, ImageSet } from './image-set.ts';
import { decodePagemap, entryAt } from './pagemap.ts';
import { Memory } from './pages.ts';

interface Entry {
  vaddr: number;
  nr_pages?: number;
  compat_nr_pages?: number;
  flags?: number;
  in_parent?: boolean;
}

function pagemapImage(entries: readonly Entry[]): Uint8Array {
  const full = entries.map((entry) => ({ compat_nr_pages: 0, ...entry }));
  return encodeCrit(JSON.stringify({ magic: 'PAGEMAP', entries: [{ pages_id: 7 }, ...full] }));
}

/** Pages whose every byte is the page's number in the file plus `first`. */
function numberedPages(count: number, first: number, pageSize = 4096): Uint8Array {
  return new Uint8Array(count * pageSize).map((_, at) => first + Math.floor(at / pageSize));
}

function filesOf(files: Readonly<Record<string, Uint8Array>>, parent?: ImageFiles): ImageFiles {
  return {
    names: async () => Object.keys(files),
    open: async (name) => files[name] && bytesSource(files[name]),
    parent: async () => parent,
  };
}

function dump(entries: readonly Entry[], pages: Uint8Array, parent?: ImageFiles): ImageFiles {
  return filesOf({ 'pagemap-1.img': pagemapImage(entries), 'pages-7.img': pages }, parent);
}

async function memoryOf(files: ImageFiles): Promise<Memory> {
  const memory = await Memory.open(new ImageSet(files), 'pagemap-1.img');
  assert.ok(memory);
  return memory;
}

/** The first byte of the page at each address. */
async function pageNumbers(memory: Memory, ...addresses: readonly number[]): Promise<(number | undefined)[]> {
  return Promise.all(addresses.map(async (at) => (await memory.read(BigInt(at), 4))?.[0]));
}

test('Memory: entries of both forms, with and without flags, only present ones in the file', async () => {
  const entries = [
    { vaddr: 0x1000, compat_nr_pages: 1 },
    { vaddr: 0x3000, nr_pages: 2, flags: 4 },
    { vaddr: 0x8000, nr_pages: 1, flags: 2 },
    { vaddr: 0x9000, nr_pages: 1, flags: 6 },
    { vaddr: 0xa000, compat_nr_pages: 1, in_parent: true },
  ];
  const memory = await memoryOf(dump(entries, numberedPages(4, 10)));
  assert.deepEqual(await pageNumbers(memory, 0x1000, 0x3000, 0x4000, 0x9000), [10, 11, 12, 13]);
  assert.deepEqual(await pageNumbers(memory, 0x2000, 0x8000, 0xa000), [undefined, undefined, undefined]);
  assert.deepEqual(
    [...memory.runs()].map(({ state }) => state),
    ['present', 'present', 'lazy', 'present', 'lost'],
  );
  assert.equal((await memory.read(0x3ffen, 4))?.[3], 12);
  assert.equal(await memory.read(0x4fffn, 2), undefined);
});

test('Memory: pages of earlier dumps, through a chain, over the edges of their entries', async () => {
  const oldest = dump([{ vaddr: 0x1000, nr_pages: 4, flags: 4 }], numberedPages(4, 1));
  const middle = dump(
    [
      { vaddr: 0x1000, nr_pages: 1, flags: 1 },
      { vaddr: 0x2000, nr_pages: 1, flags: 4 },
      { vaddr: 0x3000, nr_pages: 1, flags: 1 },
    ],
    numberedPages(1, 20),
    oldest,
  );
  const newest = dump(
    [
      { vaddr: 0x1000, nr_pages: 4, flags: 1 },
      { vaddr: 0x9000, nr_pages: 1, flags: 4 },
    ],
    numberedPages(1, 30),
    middle,
  );
  const memory = await memoryOf(newest);
  assert.deepEqual(await pageNumbers(memory, 0x1000, 0x2000, 0x3000, 0x9000), [1, 20, 3, 30]);
  // The dump in the middle does not know the last page, so nobody says that the oldest one still holds.
  assert.deepEqual(await pageNumbers(memory, 0x4000), [undefined]);
  const part = [...memory.runs(0x2000n, 0x4000n)].map(({ start, end }) => [start, end]);
  assert.deepEqual(part, [
    [0x2000n, 0x3000n],
    [0x3000n, 0x4000n],
  ]);
});

test('Memory: a chain that runs in a circle ends', async () => {
  const files: ImageFiles = {
    ...dump([{ vaddr: 0x1000, nr_pages: 1, flags: 1 }], new Uint8Array()),
    parent: async () => files,
  };
  assert.deepEqual(await pageNumbers(await memoryOf(files), 0x1000), [undefined]);
});

test('Memory: the page size is what makes the pages fill their file', async () => {
  const memory = await memoryOf(
    dump([{ vaddr: 0x10000, nr_pages: 2, flags: 4 }], numberedPages(2, 5, 65536)),
  );
  assert.equal(memory.pageSize, 65536);
  assert.deepEqual(await pageNumbers(memory, 0x1ffff - 3, 0x20000), [5, 6]);
});

test('Memory: a pages file that is too short is damage, not zeros', async () => {
  const memory = await memoryOf(
    dump([{ vaddr: 0x1000, nr_pages: 3, flags: 4 }], numberedPages(2, 1).subarray(0, 8000)),
  );
  await assert.rejects(memory.read(0x3000n, 10), (error) => isCoded(error, 'corrupt'));
  const missing = filesOf({ 'pagemap-1.img': pagemapImage([{ vaddr: 0x1000, nr_pages: 1, flags: 4 }]) });
  await assert.rejects(memoryOf(missing), (error) => isCoded(error, 'corrupt'));
});

test('decodePagemap: entries out of order, off a page, or of absurd length are refused', () => {
  const cases: readonly (readonly Entry[])[] = [
    [
      { vaddr: 0x2000, nr_pages: 1, flags: 4 },
      { vaddr: 0x1000, nr_pages: 1, flags: 4 },
    ],
    [
      { vaddr: 0x1000, nr_pages: 2, flags: 4 },
      { vaddr: 0x2000, nr_pages: 1, flags: 4 },
    ],
    [{ vaddr: 0x1001, nr_pages: 1, flags: 4 }],
    [{ vaddr: 0x1000, nr_pages: Number.MAX_SAFE_INTEGER, flags: 4 }],
  ];
  for (const entries of cases) {
    assert.throws(
      () => decodePagemap(pagemapImage(entries)),
      (error) => isCoded(error, 'corrupt'),
    );
  }
});

test('entryAt: the entry that starts at an address or before it', () => {
  const pagemap = decodePagemap(
    pagemapImage([
      { vaddr: 0x2000, nr_pages: 1 },
      { vaddr: 0x5000, nr_pages: 1 },
    ]),
  );
  assert.deepEqual(
    [1, 2, 4, 5, 99].map((address) => entryAt(pagemap, address)),
    [-1, 0, 0, 1, 1],
  );
});
