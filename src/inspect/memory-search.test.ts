import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFixture } from '../../test/fixture-archives.ts';
import { type ByteSource, bytesSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { textOf } from '../bytes/text.ts';
import { encodeCrit } from '../criu/crit-encode.ts';
import { ImageSet } from '../criu/image-set.ts';
import { isCoded } from '../errors/coded-error.ts';
import { compilePattern } from './byte-pattern.ts';
import { imagesOf } from './images.ts';
import { type SearchHit, type SearchOptions, searchMemory } from './memory-search.ts';

async function collect(hits: AsyncIterable<SearchHit>): Promise<SearchHit[]> {
  const all: SearchHit[] = [];
  for await (const hit of hits) all.push(hit);
  return all;
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

async function search(options: SearchOptions, archive = 'crun-1.28-memory.tar'): Promise<SearchHit[]> {
  const checkpoint = await openFixture(archive);
  try {
    return await collect(searchMemory(await imagesOf(checkpoint), options));
  } finally {
    await checkpoint.close();
  }
}

const literal = (text: string): SearchOptions => ({ patterns: [{ kind: 'literal', text }] });

test('searchMemory: a match over the end of a page', async () => {
  const hits = await search({ ...literal('text that goes on over the end of a page'), pids: [1] });
  assert.deepEqual(
    hits.map(({ address, rights }) => [address % 4096n, rights]),
    [[4086n, 'rw-p']],
  );
});

test('searchMemory: a match that begins in one map and ends in the next', async () => {
  const hits = await search({ ...literal('and over a map as well'), pids: [1] });
  const crossing = hits.find(({ address }) => address % 4096n === 4084n);
  assert.equal(crossing?.rights, 'rw-p');
  assert.equal(textOf(crossing?.match ?? new Uint8Array()), 'and over a map as well');
});

test('searchMemory: UTF-16, bytes with gaps, expressions, either case', async () => {
  const wide = await search({ patterns: [{ kind: 'utf16', text: 'Wide text' }], pids: [1] });
  assert.ok(wide.some(({ rights, address }) => rights === 'rw-p' && address % 4096n === 2000n));
  const gaps = await search({ patterns: [{ kind: 'hex', text: 'f3 0f 1e ?? c3' }], pids: [1] });
  assert.ok(gaps.some(({ rights, map }) => rights === 'r-xp' && map === ''));
  const expression = await search({
    patterns: [{ kind: 'regex', source: 'AWS_[A-Z_]+=\\S+KEY' }],
    pids: [1],
    context: 4,
  });
  const found = expression.find(({ rights }) => rights === 'rw-p');
  assert.equal(
    textOf(found?.match ?? new Uint8Array()),
    'AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  );
  assert.equal(found?.after.length, 4);
  const anyCase = await search({
    patterns: [{ kind: 'literal', text: 'NOT FOR CORE', ignoreCase: true }],
    pids: [1],
  });
  assert.ok(anyCase.length > 0);
});

test('searchMemory: file offset, process and shared memory are named', async () => {
  const [inFile] = await search({ ...literal('changed in memory alone'), pids: [1] }).then((hits) =>
    hits.filter(({ map }) => map === '/tmp/mapped'),
  );
  assert.equal(inFile?.fileOffset, 2 * 4096);
  assert.equal(inFile?.comm, 'memory');
  const shared = await search(literal('System V segment 2'));
  assert.deepEqual(
    shared.map(({ pid, segment, map }) => [pid, segment, map]),
    [[undefined, 1, '[System V 1]']],
  );
  const sealed = await search({ ...literal('inside the sealed box'), shared: true });
  assert.ok(sealed.some(({ map }) => map === 'memfd:sealed box'));
});

test('searchMemory: secrets by how they look, and nothing where there is nothing', async () => {
  const hits = await search({ secrets: true });
  const kinds = new Set(hits.map(({ pattern }) => pattern));
  for (const kind of ['private key', 'AWS secret key', 'password in a setting'])
    assert.ok(kinds.has(kind), kind);
  assert.deepEqual(await search(literal('nobody wrote this')), []);
});

/** A process with these present stretches of memory. */
function processWith(stretches: readonly { start: number; bytes: Uint8Array }[]): ImageSet {
  const entries = stretches.map(({ start, bytes }) => ({
    ...{ vaddr: start, compat_nr_pages: 0, flags: 4 },
    nr_pages: bytes.length / 4096,
  }));
  const pstree = { magic: 'PSTREE', entries: [{ pid: 1, ppid: 0, pgid: 1, sid: 1, threads: [1] }] };
  const files: Record<string, Uint8Array> = {
    'pstree.img': encodeCrit(JSON.stringify(pstree)),
    'pagemap-1.img': encodeCrit(JSON.stringify({ magic: 'PAGEMAP', entries: [{ pages_id: 1 }, ...entries] })),
    'pages-1.img': concat(stretches.map(({ bytes }) => bytes)),
  };
  return new ImageSet({
    names: async () => Object.keys(files),
    open: async (name) => files[name] && bytesSource(files[name]),
  });
}

test('searchMemory: whatever the size of the pieces, the answers are those of one look at everything', async () => {
  // Dense in matches and near-matches; entries that touch, and gaps.
  const bytes = Uint8Array.from(
    { length: 10 * 4096 },
    (_, at) => 97 + (Math.imul(at ^ (at >> 5), 0x9e3779b1) >>> 29),
  );
  const cut = (from: number, to: number) => bytes.subarray(from * 4096, to * 4096);
  const stretches = [
    { start: 0x1000, bytes: cut(0, 1) },
    { start: 0x2000, bytes: cut(1, 5) },
    { start: 0x6000, bytes: cut(5, 6) },
    { start: 0x9000, bytes: cut(6, 10) },
  ];
  const joined = [
    { start: 0x1000, text: latin1(cut(0, 6)) },
    { start: 0x9000, text: latin1(cut(6, 10)) },
  ];
  const images = processWith(stretches);
  for (const source of ['ab', 'a[bcd]+a', 'c{2,3}']) {
    const expected = joined.flatMap(({ start, text }) =>
      Array.from(text.matchAll(new RegExp(source, 'g')), (match) => `${start + match.index} ${match[0]}`),
    );
    const pattern =
      source === 'ab' ? ({ kind: 'literal', text: source } as const) : ({ kind: 'regex', source } as const);
    for (const pieceSize of [4096, 12288, 1 << 20]) {
      for (const context of [0, 3, 5000]) {
        const hits = await collect(searchMemory(images, { patterns: [pattern], pieceSize, context, latin1 }));
        const found = hits.map(({ address, match }) => `${address} ${latin1(match)}`);
        assert.deepEqual(found, expected, `${source}, pieces of ${pieceSize}, context ${context}`);
        for (const { address, before } of hits.filter((hit) => hit.address < 0x7000n)) {
          assert.equal(before.length, Math.min(context, Number(address) - 0x1000));
        }
      }
    }
  }
});

test('searchMemory reads everything through the same memory, where the pages let it', async () => {
  const bytes = new Uint8Array(64 * 4096);
  bytes.set(Buffer.from('needle'), 40 * 4096 - 3);
  const images = processWith([
    { start: 0x1000, bytes: bytes.subarray(0, 30 * 4096) },
    { start: 0x1f000, bytes: bytes.subarray(30 * 4096) },
  ]);
  const { files } = images;
  const rooms = new Set<unknown>();
  let most = 0;
  const counted: ByteSource = {
    ...bytesSource(bytes),
    async readInto(target, offset) {
      rooms.add(target.buffer);
      most = Math.max(most, target.buffer.byteLength);
      target.set(bytes.subarray(offset, offset + target.length));
    },
    read: () => assert.fail('read into memory of its own'),
  };
  const hits = await collect(
    searchMemory(
      new ImageSet({
        names: () => files.names(),
        open: async (name) => (name === 'pages-1.img' ? counted : files.open(name)),
      }),
      { patterns: [{ kind: 'literal', text: 'needle' }], pieceSize: 4 * 4096, context: 2 },
    ),
  );
  assert.deepEqual(
    hits.map(({ address, match, before }) => [address, textOf(match), before.length]),
    [[0x1000n + 40n * 4096n - 3n, 'needle', 2]],
  );
  assert.deepEqual([rooms.size, most], [1, 4 * 4096]);
});

test('compilePattern: malformed patterns are refused', () => {
  const specs = [
    { kind: 'literal', text: '' },
    { kind: 'hex', text: 'zz' },
    { kind: 'hex', text: '?? ??' },
    { kind: 'hex', text: 'abc' },
    { kind: 'regex', source: '(' },
  ] as const;
  for (const spec of specs)
    assert.throws(
      () => compilePattern(spec),
      (error) => isCoded(error, 'invalid-argument'),
    );
});
