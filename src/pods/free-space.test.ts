import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { atEnd, folderFor, needsRuntime, runFor } from '../../test/runtime.ts';
import { FreeSpace } from './free-space.ts';

const never = new AbortController().signal;

test('FreeSpace counts what is to come for each folder on the same disk', async (t) => {
  const folder = folderFor(t);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const floor = Math.floor(free / 4);
  const one = new FreeSpace({ floor, folders: [folder] });
  const two = new FreeSpace({ floor, folders: [folder, join(folder, 'not/yet')] });
  await one.check(free / 2);
  await assert.rejects(two.check(free / 2), {
    code: 'resource-exhausted',
    message: /^only \d+ MiB are free in .*, the checkpoint may take \d+ MiB, \d+ MiB must stay free$/,
  });
  await two.check(free / 4);
});

test('FreeSpace asks what is to come only where the node’s whole memory would not fit', async (t) => {
  const folder = folderFor(t);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const floor = Math.floor(free / 4);
  let asked = 0;
  const estimate = async (): Promise<number> => {
    asked++;
    return free / 2;
  };
  const roomy = new FreeSpace({ floor, folders: [folder], memory: free / 4 });
  await roomy.check(estimate);
  assert.equal(asked, 0);
  const tight = new FreeSpace({ floor, folders: [folder], memory: free });
  await tight.check(estimate);
  assert.equal(asked, 1);
  const twice = new FreeSpace({ floor, folders: [folder, join(folder, 'not/yet')], memory: free / 2 });
  await assert.rejects(twice.check(estimate), { code: 'resource-exhausted', message: /may take \d+ MiB/ });
  assert.equal(asked, 2);
});

test('FreeSpace ends work that brings a disk below the floor, and only then', needsRuntime, async (t) => {
  const folder = mkdtempSync('/tmp/stasis-small-');
  atEnd(t, () => rmSync(folder, { recursive: true }));
  const mounted = await runFor(t, 'mount', ['-t', 'tmpfs', '-o', 'size=32m', 'small', folder]);
  assert.equal(mounted.status, 0, mounted.stderr);
  atEnd(t, () => runFor(t, 'umount', [folder]));
  const space = new FreeSpace({ floor: 16 << 20, folders: [folder], interval: 5 });
  const write = async (mebibytes: number, signal: AbortSignal): Promise<string> => {
    for (let at = 0; at < mebibytes; at++) {
      writeFileSync(join(folder, String(at)), new Uint8Array(1 << 20));
      await new Promise((done) => setTimeout(done, 10));
      signal.throwIfAborted();
    }
    return 'done';
  };
  assert.equal(await space.during(never, (signal) => write(8, signal)), 'done');
  await assert.rejects(
    space.during(never, (signal) => write(24, signal)),
    { code: 'resource-exhausted', message: /only \d+ MiB are free in / },
  );
});
