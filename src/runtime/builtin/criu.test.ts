import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor } from '../../../test/runtime.ts';
import { isCoded } from '../../errors/coded-error.ts';
import { criuFacts, parseVersion } from './criu.ts';

test('parseVersion reads releases and builds from source', () => {
  assert.deepEqual(parseVersion('Version: 4.2.1\n'), { version: '4.2.1', number: 40201 });
  assert.deepEqual(parseVersion('Version: 3.19\nGitID: v3.19-5\n'), { version: '3.19', number: 31900 });
  assert.equal(parseVersion('criu 4'), undefined);
});

test('criuFacts notices an executable that is replaced or removed after it was asked', async (t) => {
  const file = join(folderFor(t), 'criu');
  const criu = (version: string) =>
    writeFile(file, `#!/bin/sh\necho "Version: ${version}"\n`, { mode: 0o755 });
  await criu('4.2.1');
  assert.equal((await criuFacts(file)).number, 40201);
  await rm(file);
  await assert.rejects(
    criuFacts(file),
    (error) => isCoded(error, 'failed-precondition') && /not found/.test(error.message),
  );
  await criu('3.15');
  await assert.rejects(criuFacts(file), /too old \(<31600\): it is 3\.15/);
});
