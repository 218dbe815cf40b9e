import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { indexTar, openEntry } from '../../archive/tar-index.ts';
import { bytesSource } from '../../bytes/byte-source.ts';
import { mayBeKilled } from './criu-moment.ts';

for (const sample of ['crun-1.28', 'runc-1.3.6']) {
  test(`mayBeKilled: not while code goes into a process and out of it (a log of ${sample})`, async () => {
    const lines = (await dumpLog(sample)).split('\n');
    const wrong: string[] = [];
    let inside = false;
    let turns = 0;
    for (const [index, line] of lines.entries()) {
      const before: boolean = inside;
      if (/Parasite syscall_ip at|Waiting for \d+ to trap/.test(line)) inside = true;
      if (/switched to daemon mode|Dumping mm/.test(line)) inside = false;
      if (inside !== before) turns++;
      if (mayBeKilled(`${lines.slice(0, index + 1).join('\n')}\n`) === inside) wrong.push(line);
    }
    assert.deepEqual(wrong, []);
    // At least one process went both ways.
    assert.ok(turns >= 4, String(turns));
  });
}

test('mayBeKilled: at any moment when the log says nothing', () => {
  assert.equal(mayBeKilled(''), true);
});

async function dumpLog(sample: string): Promise<string> {
  const path = join(import.meta.dirname, '../../../fixtures/archives', sample, 'images.tar.gz');
  const tar = bytesSource(new Uint8Array(gunzipSync(readFileSync(path))));
  const index = await indexTar(tar);
  const entry = index.content('dump.log');
  assert.ok(entry);
  const source = openEntry(tar, entry);
  return new TextDecoder('latin1').decode(await source.read(0, source.size));
}
