import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor, needsRuntime, runFor } from '../../test/runtime.ts';
import { type NewMember, writeTar } from '../archive/tar-writer.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { sha256Of } from '../localfs/sha256.ts';
import { bytesIn, checkVolumeBytes, fillVolume, volumeLimit } from '../pods/pod-volumes.ts';
import { captureVolumes } from '../runtime/builtin/volume-capture.ts';
import { unpackVolume } from './pod-wiring.ts';

const { signal } = new AbortController();

async function fill(tar: Uint8Array, folder: string, sha256 = sha256Of(tar)) {
  const expected = { file: 'volumes/v.tar', size: tar.length, sha256 };
  return fillVolume('v', expected, bytesSource(tar), folder, unpackVolume, signal);
}

async function tarOf(...members: NewMember[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(members)) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('captureVolumes and fillVolume: what was in a volume is in it again', needsRuntime, async (t) => {
  const [from, out, to] = [folderFor(t, 'from'), folderFor(t, 'out'), folderFor(t, 'to')];
  mkdirSync(join(from, 'd'));
  writeFileSync(join(from, 'd/.wh.file'), 'not a whiteout', { mode: 0o640 });
  chownSync(join(from, 'd/.wh.file'), 12, 34);
  linkSync(join(from, 'd/.wh.file'), join(from, 'twin'));
  symlinkSync('/etc/outside', join(from, 'soft'));
  writeFileSync(join(from, 'a\\b \n\u00e4'), 'odd name');
  assert.equal((await runFor(t, 'mkfifo', ['-m', '622', join(from, 'pipe')])).status, 0);
  const server = createServer().listen(join(from, 'socket'));
  t.after(() => server.close());
  await new Promise((ready) => server.once('listening', ready));
  utimesSync(join(from, 'd'), 1_000_000.5, 1_000_000.5);
  chmodSync(from, 0o1770);
  chownSync(from, 5, 6);
  writeFileSync(join(to, 'left'), 'of an earlier try');

  assert.equal(await bytesIn([from], signal), 'not a whiteout'.length + 'odd name'.length);
  const notes = await captureVolumes(new Map([['v', from]]), out, () => undefined);
  assert.deepEqual(notes, ['volume v: "socket" is left out: it is a socket']);
  assert.deepEqual(await fill(readFileSync(join(out, 'volumes/v.tar')), to), []);

  assert.deepEqual(readdirSync(to).sort(), ['a\\b \n\u00e4', 'd', 'pipe', 'soft', 'twin']);
  const facts = (path: string) => {
    const { mode, uid, gid, nlink } = lstatSync(join(path));
    return [mode, uid, gid, nlink];
  };
  for (const name of ['', 'd', 'd/.wh.file', 'twin', 'pipe', 'soft'])
    assert.deepEqual(facts(join(to, name)), facts(join(from, name)), name);
  assert.equal(readFileSync(join(to, 'twin'), 'utf8'), 'not a whiteout');
  assert.equal(lstatSync(join(to, 'd')).mtimeMs, 1_000_000_500);
});

/** Standard library of another language: what is tested must not tell of itself. */
const attributes = `
import json, os, sys
os.chdir(sys.argv[1])
found = {}
for folder, folders, files in os.walk('.'):
    for name in ['.'] * (folder == '.') + folders + files:
        path = os.path.normpath(os.path.join(folder, name))
        info = os.lstat(path)
        names = sorted(n for n in os.listxattr(path, follow_symlinks=False) if n != 'trusted.own')
        attrs = {n: os.getxattr(path, n, follow_symlinks=False).hex() for n in names}
        found[path] = [info.st_mode, info.st_uid, info.st_gid, info.st_size, attrs]
print(json.dumps(found))
`;
const makeAttributes = `
import os, struct, sys
os.chdir(sys.argv[1])
def acl(mask): return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *e) for e in [(1, 6, 0xffffffff), (2, 5, 1234), (4, 4, 0xffffffff), (16, mask, 0xffffffff), (32, 0, 0xffffffff)])
os.mkdir('d', 0o2750)
with open('d/tool', 'wb') as f: f.write(b'program')
os.chown('d/tool', 12, 34)
os.chmod('d/tool', 0o4750)
os.setxattr('d/tool', 'security.capability', bytes.fromhex('0100000200040000000000000000000000000000'))
os.setxattr('d/tool', 'user.note', bytes.fromhex('61000a3dff'))
os.setxattr('d/tool', 'user.long', b'x' * 3000)
os.setxattr('d/tool', 'user.empty', b'')
os.setxattr('d/tool', 'trusted.own', b'of the machine')
os.setxattr('d', 'system.posix_acl_default', acl(5))
with open('d/listed', 'wb') as f: f.write(b'for some')
os.setxattr('d/listed', 'system.posix_acl_access', acl(7))
os.setxattr('.', 'user.root', b'the folder itself')
with open('holes', 'wb') as f:
    f.truncate(1 << 32)
    f.seek(1 << 20); f.write(b'one' * 2000)
    f.seek(3 << 30); f.write(b'two')
with open('nothing', 'wb') as f: f.truncate(1 << 30)
with open('end', 'wb') as f: f.seek(50 << 20); f.write(b'last')
`;

test(
  'captureVolumes and fillVolume: owners, modes, access lists, capabilities and holes stay',
  needsRuntime,
  async (t) => {
    const [from, out, to] = [folderFor(t, 'from'), folderFor(t, 'out'), folderFor(t, 'to')];
    const python = async (program: string, folder: string) => {
      const run = await runFor(t, 'python3', ['-c', program, folder]);
      assert.equal(run.status, 0, run.stderr);
      return run.stdout;
    };
    await python(makeAttributes, from);
    const before = JSON.parse(await python(attributes, from));
    assert.equal(Object.keys(before['d/tool'][4]).length, 4);
    assert.ok((await bytesIn([from], signal)) < 1 << 20);
    assert.deepEqual(await captureVolumes(new Map([['v', from]]), out, () => undefined), []);
    const archive = join(out, 'volumes/v.tar');
    assert.ok(lstatSync(archive).size < 1 << 20, `${lstatSync(archive).size} bytes`);
    assert.deepEqual(await fill(readFileSync(archive), to), []);
    assert.deepEqual(JSON.parse(await python(attributes, to)), before);
    for (const [name, at, text] of [
      ['holes', 1 << 20, 'oneone'],
      ['holes', 3 * 2 ** 30, 'two'],
      ['end', 50 << 20, 'last'],
    ] as const) {
      const there = Buffer.alloc(text.length);
      const fd = openSync(join(to, name), 'r');
      assert.equal(readSync(fd, there, 0, there.length, at), there.length);
      closeSync(fd);
      assert.equal(String(there), text, name);
    }
    for (const name of ['holes', 'nothing', 'end']) {
      assert.ok(lstatSync(join(to, name)).blocks * 512 < 1 << 20, `${name} has holes`);
    }
    // GNU tar reads the same in it.
    const other = folderFor(t, 'other');
    const unpacked = await runFor(t, 'tar', ['-xpf', archive, '-C', other, '--xattrs', '--xattrs-include=*']);
    assert.equal(unpacked.status, 0, unpacked.stderr);
    const read = JSON.parse(await python(attributes, other));
    // It lets a folder's default list go on to what it unpacks there.
    const inherited = 'system.posix_acl_access';
    delete read['d/tool'][4][inherited];
    assert.deepEqual(read, before);
  },
);

test(
  'unpackVolume gives nothing behind a link its attributes, and only those that volumes have',
  needsRuntime,
  async (t) => {
    const folder = folderFor(t, 'hostile');
    const [volume, outside] = [join(folder, 'volume'), join(folder, 'outside')];
    for (const path of [volume, outside]) mkdirSync(path);
    writeFileSync(join(outside, 'victim'), 'untouched');
    const content = Buffer.from('x');
    const tar = await tarOf(
      { name: 'a', type: 'directory' },
      { name: 'a/victim', content, xattrs: { 'user.evil': '1' } },
      { name: 'a', type: 'symlink', linkName: '../outside' },
      { name: 'b', content, xattrs: { 'user.fine': '1', 'trusted.overlay.opaque': 'y' } },
      { name: 'c', content, xattrs: { 'user.gone': '1' } },
      { name: 'c', content },
    );
    const notes = await unpackVolume(bytesSource(tar), volume, signal);
    assert.deepEqual(notes, [
      'a/victim: its extended attributes are not kept',
      'b: its extended attribute "trusted.overlay.opaque" is not kept',
    ]);
    const list = 'import os, sys; print(os.listxattr(sys.argv[1]))';
    const of = async (path: string) => (await runFor(t, 'python3', ['-c', list, path])).stdout.trim();
    assert.equal(await of(join(outside, 'victim')), '[]');
    assert.equal(await of(join(volume, 'b')), "['user.fine']");
    assert.equal(await of(join(volume, 'c')), '[]');
  },
);

test('fillVolume refuses what leads out, and changes nothing then', needsRuntime, async (t) => {
  const folder = folderFor(t, 'hostile');
  const [volume, outside] = [join(folder, 'volume'), join(folder, 'outside')];
  for (const path of [volume, outside]) mkdirSync(path);
  writeFileSync(join(volume, 'kept'), 'as it was');
  writeFileSync(join(outside, 'victim'), 'untouched');
  const content = Buffer.from('x');
  const good = { name: 'good', content };
  const link = (name: string, linkName: string): NewMember => ({ name, type: 'symlink', linkName });
  const hostile: NewMember[][] = [
    [{ name: '../x', content }],
    [{ name: 'a/../../x', content }],
    [{ name: join(outside, 'x'), content }],
    [{ name: 'a', type: 'hardlink', linkName: '../outside/victim' }],
    [{ name: 'a', type: 'hardlink', linkName: join(outside, 'victim') }],
    [link('a', outside), { name: 'a/victim', content }],
    [link('./a/', '../outside'), { name: 'a//./victim', content }],
    [{ name: 'disk', type: 'block-device', devMajor: 8, devMinor: 0 }],
    [{ name: './', content }],
  ];
  for (const members of hostile) {
    const about = JSON.stringify(members.at(-1)?.name);
    await assert.rejects(fill(await tarOf(good, ...members), volume), { code: 'corrupt' }, about);
    assert.deepEqual(readdirSync(volume), ['kept'], about);
    assert.deepEqual(readdirSync(outside), ['victim'], about);
    assert.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'untouched', about);
    assert.equal(existsSync(join(folder, 'x')), false, about);
  }
  const tar = await tarOf(good);
  await assert.rejects(fill(tar, volume, sha256Of(content)), /its digest differs/);
  assert.deepEqual(readdirSync(volume), ['kept']);
  await fill(tar, volume);
  assert.deepEqual(readdirSync(volume), ['good']);
});

test('checkVolumeBytes refuses more than is captured, and says what to do', () => {
  checkVolumeBytes('pod a', volumeLimit);
  assert.throws(() => checkVolumeBytes('pod a', volumeLimit + 1), {
    code: 'resource-exhausted',
    message: 'pod a: its emptyDir volumes hold 4097 MiB, more than 4096',
  });
});
