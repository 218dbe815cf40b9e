import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { folderFor } from '../../test/runtime.ts';
import { type NewMember, writeTar } from '../archive/tar-writer.ts';
import { utf8 } from '../bytes/text.ts';
import { type Manifest, withManifest } from '../checkpoint/manifest.ts';
import { decodeImage } from '../criu/image.ts';
import type { FileEntry } from '../gen/criu/files.ts';
import { openCheckpoint } from '../localfs/open-checkpoint.ts';
import { sha256 } from '../localfs/sha256.ts';
import { capturedConsole } from './captured-console.ts';
import { commands } from './commands.ts';
import { run } from './run.ts';

const sample = resolve(import.meta.dirname, '../../fixtures/archives/crun-1.28-sockets.tar');

async function stasis(line: string[]) {
  const console = capturedConsole({});
  const status = await run(commands, line, console);
  return { status, out: console.out.text, err: console.err.text };
}

/** Every regular member by name. */
async function contents(path: string): Promise<Map<string, Buffer>> {
  const checkpoint = await openCheckpoint(path);
  const found = new Map<string, Buffer>();
  for await (const { member, content } of checkpoint.stream()) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content()) pieces.push(piece.slice());
    found.set(member.name, Buffer.concat(pieces));
  }
  await checkpoint.close();
  return found;
}

/** Ports on which TCP sockets of `files.img` listen. */
function listening(files: Uint8Array | undefined): number[] {
  return decodeImage(files ?? new Uint8Array(0), 'files.img')
    .entries.map(({ message }) => (message as FileEntry).isk)
    .filter((socket) => socket?.proto === 6 && socket.state === 10)
    .map((socket) => socket?.src_port ?? 0);
}

/** The port that the sample listens on. */
async function listeningPort(): Promise<number> {
  const [port] = listening((await contents(sample)).get('checkpoint/files.img'));
  assert.ok(port);
  return port;
}

/** The sample with what an engine says of the port, and digests, as the built-in runtime writes it. */
async function withDigests(t: TestContext, port: number): Promise<string> {
  const members: NewMember[] = [];
  for (const [name, content] of await contents(sample)) {
    let bytes: Uint8Array = content;
    const dump = /^(config|spec)\.dump$/.test(name) ? JSON.parse(content.toString()) : undefined;
    if (name === 'config.dump') {
      dump.newPortMappings = [
        { container_port: port, host_port: port },
        { container_port: 1, host_port: 2 },
      ];
    }
    if (name === 'spec.dump') dump.process.env.push(`PORT=${port}`, `OTHER=${port}`);
    if (dump) bytes = utf8(JSON.stringify(dump, undefined, 2));
    members.push({ name, content: bytes, mode: 0o640, mtime: 1_700_000_000 });
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(withManifest(members, { criu: '4.2.1' }, sha256)))
    pieces.push(piece.slice());
  const path = join(folderFor(t, 'edit'), 'sample.tar');
  writeFileSync(path, Buffer.concat(pieces));
  return path;
}

const packings = {
  none: { pack: (bytes: Buffer) => bytes, magic: '' },
  gzip: { pack: (bytes: Buffer) => gzipSync(bytes), magic: '1f8b' },
  zstd: { pack: (bytes: Buffer) => zstdCompressSync(bytes), magic: '28b52ffd' },
};

for (const [packing, { pack, magic }] of Object.entries(packings)) {
  test(`edit --tcp-listen-remap + ${packing}: sockets, dumps and digests move, nothing else does`, async (t) => {
    const port = await listeningPort();
    const path = await withDigests(t, port);
    const before = await contents(path);
    writeFileSync(path, pack(readFileSync(path)));
    chmodSync(path, 0o604);

    const result = await stasis(['edit', '--tcp-listen-remap', `${port}:9999`, path]);
    assert.deepEqual(result, { status: 0, out: '', err: `Successfully remapped port ${port} -> 9999\n` });

    assert.equal(statSync(path).mode & 0o7777, 0o604);
    assert.ok(readFileSync(path).toString('hex', 0, 4).startsWith(magic));
    assert.deepEqual(readdirSync(resolve(path, '..')), ['sample.tar']);
    const after = await contents(path);
    const changed = [...after]
      .filter(([name, bytes]) => !before.get(name)?.equals(bytes))
      .map(([name]) => name);
    assert.deepEqual([...after.keys()], [...before.keys()]);
    assert.deepEqual(changed.sort(), ['checkpoint/files.img', 'config.dump', 'spec.dump', 'stasis.json']);
    const ports = listening(before.get('checkpoint/files.img'));
    assert.deepEqual(
      listening(after.get('checkpoint/files.img')),
      ports.map((one) => (one === port ? 9999 : one)),
    );
    const config = JSON.parse(String(after.get('config.dump')));
    assert.deepEqual(config.newPortMappings, [
      { container_port: 9999, host_port: port },
      { container_port: 1, host_port: 2 },
    ]);
    assert.deepEqual(JSON.parse(String(after.get('spec.dump'))).process.env.slice(-2), [
      'PORT=9999',
      `OTHER=${port}`,
    ]);
    const manifest = JSON.parse(String(after.get('stasis.json'))) as Manifest;
    assert.deepEqual(manifest.capture['edits'], [{ tcpListenRemap: { [port]: 9999 } }]);
    assert.equal((await stasis(['verify', path])).status, 0);
  });
}

test('edit --annotation --image: set and removed; a link to the archive stays a link', async (t) => {
  const path = await withDigests(t, await listeningPort());
  const link = join(resolve(path, '..'), 'link.tar');
  symlinkSync('sample.tar', link);
  const set = await stasis([
    'edit',
    '--annotation',
    'owner=me=you',
    '--annotation',
    'x=',
    '--image',
    'new:1',
    link,
  ]);
  assert.deepEqual(set, { status: 0, out: '', err: '' });
  const spec = async () => JSON.parse(String((await contents(path)).get('spec.dump'))).annotations;
  assert.equal((await spec()).owner, 'me=you');
  assert.equal((await spec()).x, '');
  assert.equal(JSON.parse(String((await contents(path)).get('config.dump'))).rootfsImageName, 'new:1');
  assert.deepEqual((await stasis(['edit', '--annotation', 'owner-', path])).status, 0);
  assert.ok(!('owner' in (await spec())));
  assert.equal(execFileSync('readlink', [link], { encoding: 'utf8' }), 'sample.tar\n');
});

test('edit + an archive that was altered before: refused, and left as it is', async (t) => {
  const port = await listeningPort();
  const path = await withDigests(t, port);
  const bytes = readFileSync(path);
  const at = bytes.indexOf(`PORT=${port}`);
  bytes.write('PROT', at);
  writeFileSync(path, bytes);
  const { status, err } = await stasis(['edit', '--annotation', 'a=b', path]);
  assert.equal(status, 1);
  assert.match(err, /is not as it was captured: spec\.dump was altered before/);
  assert.ok(readFileSync(path).equals(bytes));
  assert.deepEqual(readdirSync(resolve(path, '..')), ['sample.tar']);
});

const refusals: readonly (readonly [string[], RegExp])[] = [
  [[], /^Error: no edit operation specified; use --tcp-listen-remap\n$/],
  [['--tcp-listen-remap', '80'], /^Error: invalid parameters: expected oldport:newport\n$/],
  [['--tcp-listen-remap', 'a:b'], /^Error: invalid parameters: expected oldport:newport\n$/],
  [['--tcp-listen-remap', '80:1:2'], /^Error: invalid parameters: expected oldport:newport\n$/],
  [['--tcp-listen-remap', '80:0'], /^Error: new port 0 is out of valid range \(1-65535\)\n$/],
  [['--tcp-listen-remap', '80:65536'], /^Error: new port 65536 is out of valid range \(1-65535\)\n$/],
  [['--tcp-listen-remap', '3:80'], /^Error: no TCP listen sockets found with source port 3\n$/],
  [['--tcp-listen-remap', '70000:80'], /^Error: no TCP listen sockets found with source port 70000\n$/],
  [['--annotation', '=x'], /^Error: invalid annotation "=x": expected NAME=VALUE or NAME-\n$/],
];

for (const [flags, message] of refusals) {
  test(`edit ${flags.join(' ')}: refused, and the archive left as it is`, async (t) => {
    const path = join(folderFor(t, 'edit'), 'sample.tar');
    copyFileSync(sample, path);
    const { status, err } = await stasis(['edit', ...flags, path]);
    assert.equal(status, 1);
    assert.match(err, message);
    assert.ok(readFileSync(path).equals(readFileSync(sample)));
  });
}

test('edit + no checkpoint, no file, a folder: refused in words', async (t) => {
  const folder = folderFor(t, 'edit');
  const other = join(folder, 'other.tar');
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar([{ name: 'x', content: utf8('x') }])) pieces.push(piece.slice());
  writeFileSync(other, Buffer.concat(pieces));
  const edit = async (path: string) => (await stasis(['edit', '--tcp-listen-remap', '1:2', path])).err;
  assert.equal(
    await edit(other),
    'Error: matching entries not found in archive for requested edit operation\n',
  );
  assert.equal(await edit(`${folder}/none`), `Error: stat ${folder}/none: no such file or directory\n`);
  assert.equal(await edit(folder), `Error: input ${folder} not a regular file\n`);
});

test('edit -: standard input is refused by name', async () => {
  const console = capturedConsole();
  assert.equal(await run(commands, ['edit', '--annotation', 'a=b', '-'], console), 1);
  assert.equal(console.err.text, 'Error: an archive is edited where it lies: standard input has no place\n');
});
