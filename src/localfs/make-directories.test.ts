import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileStore } from './file-store.ts';
import { makeDirectories, makeDirectoriesSync } from './make-directories.ts';

const both = [
  ['makeDirectories', makeDirectories],
  ['makeDirectoriesSync', async (path: string, mode: number) => makeDirectoriesSync(path, mode)],
] as const;

for (const [name, make] of both) {
  test(`${name} makes what is missing, with the mode, and is content with what is there`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'stasis-directories-'));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 'a/b/c');
    assert.equal(await make(path, 0o700), join(folder, 'a'));
    assert.equal(await make(path, 0o700), undefined);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
    assert.equal((await stat(join(folder, 'a'))).mode & 0o777, 0o700);
    await writeFile(join(folder, 'file'), '');
    await assert.rejects(make(join(folder, 'file'), 0o700), { code: 'EEXIST' });
    await assert.rejects(make(join(folder, 'file/x'), 0o700), { code: 'ENOTDIR' });
  });

  test(`${name} ends where nothing can be made`, async () => {
    await assert.rejects(make('/proc/stasis/a/b', 0o700), { code: 'ENOENT' });
  });
}

test('FileStore.open says that its directory cannot be made', async () => {
  await assert.rejects(
    async () => FileStore.open('/proc/stasis/a/b'),
    /^CodedError: mkdir .*no such file or directory$/,
  );
});
