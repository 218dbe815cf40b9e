import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveLimits } from '../archive/limits.ts';
import { type TarMember, writeTar } from '../archive/tar-writer.ts';
import { concat } from '../bytes/concat.ts';
import { textOf, utf8 } from '../bytes/text.ts';
import { isCoded } from '../errors/coded-error.ts';
import { streamCheckpoint } from './from-stream.ts';

interface Counted {
  passes: number;
  bytes: number;
}

async function sample(members: TarMember[], keptBytes?: number) {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(members)) pieces.push(piece);
  const tar = concat(pieces);
  const counted: Counted = { passes: 0, bytes: 0 };
  async function* reopen() {
    counted.passes++;
    for (let at = 0; at < tar.length; at += 1000) {
      const piece = tar.subarray(at, at + 1000);
      counted.bytes += piece.length;
      yield piece;
    }
  }
  const limits = resolveLimits(keptBytes === undefined ? {} : { keptBytes });
  const checkpoint = streamCheckpoint(reopen, { origin: 'test', format: 'stream', limits });
  return { checkpoint, counted, size: tar.length };
}

const big = new Uint8Array(300_000).map((_, i) => i % 251);
const members: TarMember[] = [
  { name: 'config.dump', content: utf8('config') },
  { name: 'spec.dump', content: utf8('spec') },
  { name: 'checkpoint/pagemap-1.img', content: utf8('100,200') },
  { name: 'checkpoint/pages-1.img', content: big },
  { name: 'dump.log', content: utf8('log') },
];

test('prepare + names: one pass to the end, and a later one ends as soon as all were seen', async () => {
  const { checkpoint, counted, size } = await sample(members);
  await checkpoint.prepare({ names: ['config.dump'] });
  assert.equal(textOf(await checkpoint.read('config.dump')), 'config');
  assert.equal(counted.passes, 1);
  assert.equal(counted.bytes, size);
  await checkpoint.prepare({ names: ['config.dump', 'spec.dump'] });
  assert.ok(counted.bytes < size + 5000, `${counted.bytes}`);
  assert.equal(textOf(await checkpoint.read('spec.dump')), 'spec');
  assert.equal(counted.passes, 2);
});

test('prepare + keep: one pass gives the list, whole members and ranges that a kept member names', async () => {
  const { checkpoint, counted } = await sample(members);
  await checkpoint.prepare({
    names: ['config.dump'],
    keep(member, kept) {
      if (member.name === 'checkpoint/pagemap-1.img') return 'all';
      const map = kept('checkpoint/pagemap-1.img');
      if (member.name !== 'checkpoint/pages-1.img' || !map) return undefined;
      const [offset = 0, length = 0] = textOf(map).split(',').map(Number);
      return [
        { offset, length },
        { offset: 250_000, length: 10 },
        { offset: 250_005, length: 1_000_000 },
      ];
    },
  });
  assert.equal((await checkpoint.members()).files.length, 5);
  const pages = await checkpoint.open('checkpoint/pages-1.img');
  assert.deepEqual(await pages.read(150, 100), big.subarray(150, 250));
  assert.deepEqual(await pages.read(250_000, 50_000), big.subarray(250_000));
  assert.equal(counted.passes, 1);
  assert.deepEqual(await pages.read(90, 20), big.subarray(90, 110));
  assert.equal(counted.passes, 2);
  await pages.close();
});

test('open + a member that nobody announced streams forwards, and begins again to go back', async () => {
  const { checkpoint, counted } = await sample(members, 1000);
  const pages = await checkpoint.open('checkpoint/pages-1.img');
  const before = counted.passes;
  for (let at = 0; at < big.length; at += 50_000) {
    assert.deepEqual(await pages.read(at, 50_000), big.subarray(at, at + 50_000));
  }
  assert.equal(counted.passes, before + 1);
  assert.deepEqual(await pages.read(0, 10), big.subarray(0, 10));
  await pages.close();
});

test('read + one member after the other costs few passes, and a missing one is known after the list', async () => {
  const { checkpoint, counted } = await sample(members);
  for (const { name } of (await checkpoint.members()).files) await checkpoint.read(name);
  assert.equal(counted.passes, 2);
  await assert.rejects(checkpoint.read('status'), (error) => isCoded(error, 'not-found'));
  assert.equal(await checkpoint.find('status'), undefined);
  assert.equal(counted.passes, 2);
});

test('read + of several members of one name the last counts', async () => {
  const { checkpoint } = await sample([
    { name: 'config.dump', content: utf8('first') },
    { name: 'hard', type: 'hardlink', linkName: 'config.dump' },
    { name: './config.dump', content: utf8('second') },
    { name: 'gone', content: utf8('x') },
    { name: 'gone', type: 'symlink', linkName: 'config.dump' },
  ]);
  await checkpoint.prepare({ names: ['config.dump'] });
  assert.equal(textOf(await checkpoint.read('config.dump')), 'second');
  assert.deepEqual(
    (await checkpoint.members()).files.map(({ name }) => name),
    ['config.dump', 'hard'],
  );
  assert.equal(textOf(await checkpoint.read('config.dump')), 'second');
  assert.equal(textOf(await checkpoint.read('hard')), 'first');
  await assert.rejects(checkpoint.read('gone'), (error) => isCoded(error, 'not-found'));
  const opened = await checkpoint.open('config.dump');
  assert.equal(textOf(await opened.read(0, opened.size)), 'second');
});

test('read + limits: too big for memory is refused, too much to keep is read again', async () => {
  const { checkpoint } = await sample(members, 1000);
  await assert.rejects(checkpoint.read('checkpoint/pages-1.img', { limit: 1000 }), (error) =>
    isCoded(error, 'resource-exhausted'),
  );
  await checkpoint.prepare({ keep: () => 'all' });
  assert.deepEqual(await checkpoint.read('checkpoint/pages-1.img'), big);
});

test('prepare + lent pieces: what is kept outlives the memory that it passed through', async () => {
  const long = `checkpoint/${'d'.repeat(150)}/${'n'.repeat(150)}`;
  const contents = new Map([
    ['config.dump', utf8('config')],
    [long, big.subarray(0, 2048)],
    ['checkpoint/pages-1.img', big],
    ['dump.log', utf8('log')],
  ]);
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar([...contents].map(([name, content]) => ({ name, content }))))
    pieces.push(piece);
  const tar = concat(pieces);
  for (const size of [100, 512, 1000, 4096, 1 << 20]) {
    const lends: (boolean | undefined)[] = [];
    async function* reopen(_signal?: AbortSignal, lend?: boolean) {
      lends.push(lend);
      const room = Buffer.alloc(size);
      for (let at = 0; at < tar.length; at += size) {
        const piece = tar.subarray(at, at + size);
        room.set(piece);
        yield room.subarray(0, piece.length);
        room.fill(0xa5);
      }
    }
    const checkpoint = streamCheckpoint(reopen, { origin: 'test', format: 'stream' });
    await checkpoint.prepare({ keep: () => 'all' });
    for (const [name, content] of contents) {
      assert.deepEqual(new Uint8Array(await checkpoint.read(name)), content, `${name} in ${size}`);
    }
    assert.deepEqual(lends, [true]);
  }
});

test('stream + every file once, in order, content taken or not', async () => {
  const { checkpoint } = await sample(members);
  const seen: string[] = [];
  for await (const { member, content } of checkpoint.stream()) {
    seen.push(member.name);
    if (member.name !== 'spec.dump') continue;
    for await (const piece of content()) assert.equal(textOf(piece), 'spec');
  }
  assert.deepEqual(
    seen,
    members.map((member) => ('name' in member ? member.name : '')),
  );
});
