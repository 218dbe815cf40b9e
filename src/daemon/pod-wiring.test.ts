import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
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
