import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor } from '../../test/runtime.ts';
import { readThrough, sliceSource } from '../bytes/byte-source.ts';
import { isCoded } from '../errors/coded-error.ts';
import { openFileSource } from './file-source.ts';

for (const blocking of [false, true]) {
  const way = blocking ? 'at once' : 'in another thread';

  test(`openFileSource, ${way}: readInto fills what it is given, of a slice as well`, async (t) => {
    const path = join(folderFor(t), 'file');
    writeFileSync(path, '0123456789');
    const source = await openFileSource(path, { blocking });
    const target = Buffer.from('abcd');
    await source.readInto?.(target.subarray(1, 3), 4);
    assert.equal(target.toString(), 'a45d');
    await sliceSource(source, 2, 4).readInto?.(target.subarray(0, 2), 2);
    assert.equal(target.toString(), '455d');
    const corrupt = (error: unknown) => isCoded(error, 'corrupt');
    await assert.rejects(async () => source.readInto?.(target, 7), corrupt);
    await assert.rejects(async () => sliceSource(source, 2, 4).readInto?.(target, 1), corrupt);
    truncateSync(path, 5);
    await assert.rejects(async () => source.readInto?.(target, 4), corrupt);
    await source.close();
  });

  test(`openFileSource, ${way}: readThrough gives every byte through one piece of memory`, async (t) => {
    const path = join(folderFor(t), 'file');
    writeFileSync(path, '0123456789');
    const source = await openFileSource(path, { blocking });
    let text = '';
    const rooms = new Set<ArrayBufferLike>();
    for await (const piece of readThrough(source, 4)) {
      rooms.add(piece.buffer);
      text += Buffer.from(piece).toString();
    }
    assert.deepEqual([text, rooms.size], ['0123456789', 1]);
    await source.close();
  });

  test(`openFileSource, ${way}: a long reading hears of interruptions`, async (t) => {
    const path = join(folderFor(t), 'sparse');
    writeFileSync(path, '');
    truncateSync(path, 2 ** 31);
    const source = await openFileSource(path, { blocking });
    const controller = new AbortController();
    setImmediate(() => controller.abort(new Error('interrupted')));
    let pieces = 0;
    await assert.rejects(async () => {
      for await (const _ of readThrough(source, 1 << 20, controller.signal)) pieces++;
    }, /interrupted/);
    assert.ok(pieces < 2048, `${pieces} pieces`);
    await source.close();
  });
}
