import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { folderFor } from '../../../test/runtime.ts';
import { resolveUser } from './container-user.ts';

function rootfsFor(t: TestContext, passwd: string, group = ''): string {
  const rootfs = folderFor(t);
  mkdirSync(join(rootfs, 'etc'));
  writeFileSync(join(rootfs, 'etc/passwd'), passwd);
  writeFileSync(join(rootfs, 'etc/group'), group);
  return rootfs;
}

const wanted = { groups: [], mergeGroups: true };

test('resolveUser takes names and numbers, and the groups of either', async (t) => {
  const rootfs = rootfsFor(t, 'root:x:0:0::/root:\napp:x:10:20::/srv:\n', 'app:x:20:\nmore:x:30:app,x\n');
  const app = { uid: 10, gid: 20, groups: [30], home: '/srv' };
  assert.deepEqual(await resolveUser(rootfs, { ...wanted, user: 'app' }), app);
  assert.deepEqual(await resolveUser(rootfs, { ...wanted, user: '10' }), app);
  assert.deepEqual(await resolveUser(rootfs, { ...wanted, user: 'app', mergeGroups: false }), {
    ...app,
    groups: [],
  });
  assert.deepEqual(await resolveUser(rootfs, { ...wanted, user: '10:more', groups: [7] }), {
    ...app,
    gid: 30,
    groups: [7, 30],
  });
  assert.deepEqual(await resolveUser(rootfs, { ...wanted, user: 'app', gid: 99 }), { ...app, gid: 99 });
  assert.equal((await resolveUser(rootfs, { ...wanted, user: '' })).home, '/root');
});

test('resolveUser needs no files for numbers, and names what it does not find', async (t) => {
  const rootfs = folderFor(t);
  const plain = { uid: 5, gid: 6, groups: [], home: '/' };
  assert.deepEqual(await resolveUser(rootfs, { ...wanted, user: '5:6' }), plain);
  await assert.rejects(resolveUser(rootfs, { ...wanted, user: 'ghost' }), {
    code: 'invalid-argument',
    message: 'the image\'s /etc/passwd has no user "ghost"',
  });
  await assert.rejects(resolveUser(rootfs, { ...wanted, user: '0:ghosts' }), {
    message: 'the image\'s /etc/group has no group "ghosts"',
  });
  await assert.rejects(resolveUser(rootfs, { ...wanted, user: '99999999999' }), { message: /out of range/ });
});

test("resolveUser reads the image's files, never those of the machine that a link points to", async (t) => {
  const rootfs = folderFor(t);
  mkdirSync(join(rootfs, 'etc'));
  const outside = rootfsFor(t, 'spy:x:42:42::/:\n');
  for (const target of [join(outside, 'etc/passwd'), `../../../../../..${outside}/etc/passwd`]) {
    execFileSync('rm', ['-f', join(rootfs, 'etc/passwd')]);
    symlinkSync(target, join(rootfs, 'etc/passwd'));
    await assert.rejects(resolveUser(rootfs, { ...wanted, user: 'spy' }), { code: 'invalid-argument' });
  }
});

test('resolveUser does not wait for a FIFO in place of a file', async (t) => {
  const rootfs = folderFor(t);
  mkdirSync(join(rootfs, 'etc'));
  execFileSync('mkfifo', [join(rootfs, 'etc/passwd')]);
  await assert.rejects(resolveUser(rootfs, { ...wanted, user: 'x' }), { code: 'invalid-argument' });
});
