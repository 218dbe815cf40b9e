import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCoded } from '../errors/coded-error.ts';
import { spool } from './spool.ts';

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(1000).fill(i);
}

test('spool + memory and file give the same bytes, and no name is left', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'spool-'));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const inMemory of [1 << 20, 10_500, 0]) {
    const source = await spool(pieces(50), { origin: 'x', limit: 1 << 20, inMemory, directory });
    assert.deepEqual(readdirSync(directory), []);
    assert.equal(source.size, 50_000);
    assert.deepEqual([...(await source.read(9_999, 2))], [9, 10]);
    assert.deepEqual([...(await source.read(49_999, 1))], [49]);
    await assert.rejects(source.read(49_999, 2), (error) => isCoded(error, 'corrupt'));
    await source.close();
  }
});

test('spool + more than the limit is refused', async () => {
  await assert.rejects(spool(pieces(50), { origin: 'x', limit: 20_000 }), (error) =>
    isCoded(error, 'resource-exhausted'),
  );
});
