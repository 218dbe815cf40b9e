import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDirectories } from './make-directories.ts';

test('makeDirectories makes what is missing, with the mode, and is content with what is there', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'stasis-directories-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'a/b/c');
  await makeDirectories(path, 0o700);
  await makeDirectories(path, 0o700);
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  assert.equal((await stat(join(folder, 'a'))).mode & 0o777, 0o700);
  await writeFile(join(folder, 'file'), '');
  await assert.rejects(makeDirectories(join(folder, 'file'), 0o700), { code: 'EEXIST' });
  await assert.rejects(makeDirectories(join(folder, 'file/x'), 0o700), { code: 'ENOTDIR' });
});

test('makeDirectories ends where nothing can be made', async () => {
  await assert.rejects(makeDirectories('/proc/stasis/a/b', 0o700), { code: 'ENOENT' });
});
