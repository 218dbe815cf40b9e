import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { imageBytes } from '../../test/made-images.ts';
import { type NewMember, writeTar } from '../archive/tar-writer.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { utf8 } from '../bytes/text.ts';
import { capturedConsole } from './captured-console.ts';
import { commands } from './commands.ts';
import { run } from './run.ts';

const root = resolve(import.meta.dirname, '../..');
const fixtures = join(root, 'fixtures/archives');
const crio = join(fixtures, 'crio-1.37-runc.tar');
const podman = join(fixtures, 'podman-5.8.6-crun-zstd.tar');

async function stasis(line: string[], options: Parameters<typeof capturedConsole>[0] = {}) {
  const console = capturedConsole({ now: new Date(2026, 10, 21, 3, 4, 5), ...options });
  const status = await run(commands, line, console);
  return { status, out: console.out.text, err: console.err.text };
}

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stasis-tools-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('memparse: sizes of each process', async () => {
  const { status, out } = await stasis(['memparse', crio]);
  assert.equal(status, 0);
  assert.equal(
    out,
    `
Displaying processes memory sizes from ${crio}

PID   PROCESS NAME   MEMORY SIZE   SHARED MEMORY SIZE
---   ------------   -----------   ------------------
1     sh             72.0 KiB      0 B
21    sleep          68.0 KiB      0 B
`,
  );
});

test('memparse --pid: rows of sixteen bytes, equal rows as one star', async () => {
  const { out } = await stasis(['memparse', '--pid', '1', podman]);
  const lines = out.split('\n');
  assert.equal(lines[1], `Displaying memory pages content for process ID 1 from checkpoint: ${podman}`);
  assert.equal(
    lines[3],
    'Address           Hexadecimal                                       ASCII            ',
  );
  assert.equal(lines[4], '-'.repeat(85));
  assert.equal(
    lines[5],
    '0000000000401000  48 83 ec 08 48 c7 c0 00 00 00 00 48 85 c0 74 02  |H...H......H..t.|',
  );
  assert.ok(lines.includes('*'));
});

test('memparse --output: every row, in a private file', async (t) => {
  const path = join(await scratch(t), 'memory.txt');
  const { status, out } = await stasis(['memparse', '-p', '1', '-o', path, crio]);
  assert.deepEqual(
    [status, out],
    [0, `\nWriting memory pages content for process ID 1 from checkpoint: ${crio} to file: ${path}...\n`],
  );
  const text = await readFile(path, 'utf8');
  assert.equal(text.split('\n').length, 2 + (72 * 1024) / 16 + 1);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('memparse --search and --search-regex: address, match with context, instance', async () => {
  const literal = await stasis(['memparse', '-p', '1', '-s', 'HOSTNAME', '-c', '10', crio]);
  assert.equal(
    literal.out,
    `ADDRESS            MATCH                          INSTANCE
-------            -----                          --------
00007ffdfc0edfc5   ERM=xterm?HOSTNAME=497cb4320   1
`,
  );
  const regex = await stasis(['memparse', '-p', '1', '-r', 'PATH=[a-z/]+', crio]);
  assert.match(regex.out, /\n00000000005f5cc9 {3}PATH=\/sbin {3}1\n00007ffdfc0edfdb {3}PATH=\/bin {4}2\n$/);
  const none = await stasis(['memparse', '-p', '1', '-s', 'no such text', crio]);
  assert.deepEqual(none, {
    status: 0,
    out: 'No matches for pattern "no such text" in the memory of PID 1\n',
    err: '',
  });
});

const memoryFailures: readonly (readonly [string[], string])[] = [
  [['-s', 'x'], 'no process with PID 0 (use `inspect --ps-tree` to view all PIDs)'],
  [['-p', '99'], 'no process with PID 99 (use `inspect --ps-tree` to view all PIDs)'],
  [['-p', '1', '-s', 'x', '-c', '-1'], 'failed to search pattern in memory: context size cannot be negative'],
];

for (const [flags, message] of memoryFailures) {
  test(`memparse ${flags.join(' ')}: refused`, async () => {
    assert.deepEqual(await stasis(['memparse', ...flags, crio]), {
      status: 1,
      out: '',
      err: `Error: ${message}\n`,
    });
  });
}

test('memparse --search-regex: an expression that cannot be read', async () => {
  const { status, err } = await stasis(['memparse', '-p', '1', '-r', '(', crio]);
  assert.equal(status, 1);
  assert.match(err, /^Error: failed to search pattern in memory: error parsing regexp: /);
});

test('ls: members with kind, permissions and size; the changes of the root file system', async () => {
  const { out } = await stasis(['ls', crio]);
  assert.match(
    out,
    /^-rw-r--r-- {4}46 stats-dump\n-rw------- 47079 dump\.log\ndrw------- {5}0 checkpoint\/\n/,
  );
  assert.match((await stasis(['ls', '--rootfs', crio])).out, /^-rw-r--r-- 3 tmp\/count\n$/m);
  const [first] = JSON.parse((await stasis(['ls', '--format', 'json', crio])).out);
  assert.deepEqual(first, { name: 'stats-dump', type: 'file', size: 46, mode: '0644' });
});

test('ls and cat --in: archives inside, by member or by mount point', async (t) => {
  assert.match(
    (await stasis(['ls', '--in', '/dev', podman])).out,
    /^lrwxrwxrwx 0 \.\/stdin -> \/proc\/self\/fd\/0\n/m,
  );
  const nowhere = await stasis(['ls', '--in', '/nowhere', crio]);
  assert.match(nowhere.err, /has no contents of "\/nowhere"\nit has those of \/dev\n$/);
  const folder = await scratch(t);
  await mkdir(join(folder, 'checkpoint'));
  const mount = { fstype: 7, mnt_id: 5, parent_mnt_id: 1, flags: 0, root: '/', source: 'tmpfs', options: '' };
  const mounts = [{ ...mount, root_dev: 9, mountpoint: '/run/queue' }];
  const files: Record<string, Uint8Array> = {
    'inventory.img': imageBytes({ magic: 'INVENTORY', entries: [{ img_version: 2 }] }),
    'mountpoints-1.img': imageBytes({ magic: 'MNTS', entries: mounts }),
    'tmpfs-dev-9.tar.gz.img': gzipSync(
      await tarOf([{ name: './jobs/first', content: Buffer.from('to do') }]),
    ),
  };
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, 'checkpoint', name), bytes);
  assert.match((await stasis(['ls', '--in', '/run/queue', folder])).out, /^-rw------- 5 \.\/jobs\/first\n$/);
  for (const place of ['/run/queue/', 'checkpoint/tmpfs-dev-9.tar.gz.img']) {
    assert.equal((await stasis(['cat', '--in', place, folder, 'jobs/first'])).out, 'to do', place);
  }
  const both = await stasis(['ls', '--in', '/dev', '--rootfs', folder]);
  assert.deepEqual([both.status, both.err], [2, 'Error: --rootfs and --in exclude each other\n']);
});

async function tarOf(members: readonly NewMember[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(members)) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('verify --against-node: each need with what is here, and a status that says whether something is missing', async () => {
  const { status, out } = await stasis(['verify', '--against-node', crio]);
  assert.equal(status, 1);
  assert.match(out, /\n {2}a restore needs \(missing on this node: [1-9]\d*\)\n/);
  assert.match(
    out,
    /\n {4}MISSING mount: \/run\/crio\/.*\n {12}a file to mount at \/etc\/resolv\.conf\n {12}=> it is not there\n/,
  );
  const [verdict] = JSON.parse((await stasis(['verify', '--against-node', '--format', 'json', crio])).out);
  assert.equal(verdict.ok, true);
  const mount = verdict.needs.find(({ what }: { what: string }) => what.endsWith('/resolv.conf'));
  assert.deepEqual(mount.node, { met: 'no', found: 'it is not there' });
  assert.equal((await stasis(['verify', '--needs', crio])).status, 0);
});

test('cat: the bytes of members, a message where there is none', async () => {
  const { out } = await stasis(['cat', crio, 'dump.log']);
  assert.match(out, /^\(00\.000000\) /);
  assert.match((await stasis(['cat', '--rootfs', podman, '/tmp/count'])).out, /^\d+\n$/);
  const missing = await stasis(['cat', crio, 'nope']);
  assert.deepEqual([missing.status, missing.out], [1, '']);
  assert.match(missing.err, /has no member "nope"/);
});

test('crit decode, encode, info, x: the image comes back byte for byte', async (t) => {
  const folder = await scratch(t);
  const image = join(folder, 'pstree.img');
  const json = join(folder, 'pstree.json');
  await writeFile(image, await memberOf(crio, 'checkpoint/pstree.img'));
  const decoded = await stasis(['crit', 'decode', '-i', image]);
  assert.match(decoded.out, /^\{"magic": "PSTREE", "entries": \[\{"pid": 1, "ppid": 0, .*\}\]\}\n$/);
  await stasis(['crit', 'decode', '-i', image, '-o', json]);
  await stasis(['crit', 'encode', '-i', json, '-o', join(folder, 'again.img')]);
  assert.deepEqual(await readFile(join(folder, 'again.img')), await readFile(image));
  assert.equal((await stasis(['crit', 'info', image])).out, '{\n    "magic": "PSTREE",\n    "count": 2\n}\n');
  assert.equal(
    (await stasis(['crit', 'x', crio, 'ps'])).out,
    '    PID   PGID    SID   COMM\n      1      1      1   sh\n     21      1      1       sleep\n',
  );
  const wrong = await stasis(['crit', 'x', crio, 'nope']);
  assert.equal(wrong.status, 2);
  assert.equal((await stasis(['crit', 'decode'], { input: utf8('nonsense') })).status, 1);
});

async function memberOf(path: string, name: string): Promise<Uint8Array> {
  const { tarCheckpoint } = await import('../checkpoint/from-tar.ts');
  return tarCheckpoint(bytesSource(await readFile(path)), { origin: path }).read(name);
}

test('verify: good archives, and one whose bytes were changed', async (t) => {
  assert.deepEqual(await stasis(['verify', crio]), {
    status: 0,
    out: `${crio}: ok (33 members, 205.7 KiB, no digests were recorded at capture)\n`,
    err: '',
  });
  const folder = await scratch(t);
  const bytes = await readFile(crio);
  const at = bytes.indexOf(await memberOf(crio, 'checkpoint/pstree.img'));
  bytes.fill(0xff, at, at + 8);
  await writeFile(join(folder, 'bad.tar'), bytes);
  const { status, out } = await stasis(['verify', '--format', 'json', join(folder, 'bad.tar'), crio]);
  assert.equal(status, 1);
  const [bad, good] = JSON.parse(out);
  assert.deepEqual([bad.ok, good.ok], [false, true]);
  assert.ok(
    bad.findings.some(
      ({ about, check }: Record<string, string>) => about === 'pstree.img' && check === 'images',
    ),
  );
});

test('build: annotations as checkpointctl says them, and an image that reads back', async (t) => {
  const folder = await scratch(t);
  const output = join(folder, 'image.oci.tar');
  const { status, out, err } = await stasis(['build', '-o', output, crio, 'registry.test/team/ck:1']);
  assert.equal(status, 0);
  assert.match(
    out,
    /^Added annotation: org\.criu\.checkpoint\.engine\.name=CRI-O\n(Added annotation: .*\n){7}$/,
  );
  assert.match(
    err,
    new RegExp(
      `^2026/11/21 03:04:05 Image 'registry.test/team/ck:1' created successfully from checkpoint '${crio}'\n`,
    ),
  );
  const shown = await stasis(['show', output]);
  assert.equal(shown.out.replace(output, crio), (await stasis(['show', crio])).out);
  assert.equal((await stasis(['build', crio])).err, 'Error: accepts 2 arg(s), received 1\n');
});

/** A folder of plugins: one that knows its description, one that hangs, one that is no program. */
async function plugins(t: TestContext): Promise<string> {
  const folder = join(await scratch(t), 'bin');
  await mkdir(folder);
  const program = async (name: string, text: string, mode = 0o755): Promise<void> => {
    await writeFile(join(folder, `checkpointctl-${name}`), `#!/bin/sh\n${text}\n`);
    await chmod(join(folder, `checkpointctl-${name}`), mode);
  };
  await program(
    'hello',
    'if [ "$1" = --plugin-description ]; then echo " Says hello "; exit 42; fi\necho hello "$@"; exit 7',
  );
  await program('plain', 'echo not a description');
  await program('hangs', 'sleep 60 & sleep 60');
  await program('text', 'exit 0', 0o644);
  await program('show', 'echo shadowed');
  await mkdir(join(folder, 'checkpointctl-folder'));
  return folder;
}

test('plugin list: names, descriptions, paths; a plugin that hangs holds nobody up', async (t) => {
  const folder = await plugins(t);
  const { out } = await stasis(['plugin', 'list'], { env: { PATH: `/nonexistent:${folder}` } });
  const line = (name: string, text: string): string =>
    `  ${name.padEnd(20)} ${text}\n  ${' '.repeat(20)} ${folder}/checkpointctl-${name}\n`;
  assert.equal(
    out,
    `Available plugins:\n${line('hangs', '(no description)')}${line('hello', 'Says hello')}${line('plain', '(no description)')}${line('show', '(no description)')}`,
  );
  assert.equal((await stasis(['plugin', 'list'])).out, 'No plugins found in PATH\n');
});

test('a plugin runs with its own flags and ends with its own status; built-in commands cannot be replaced', async (t) => {
  const env = { PATH: `${await plugins(t)}:/usr/bin:/bin` };
  const cli = join(root, 'bin/stasis.cjs');
  const call = (...line: string[]) => spawnSync(process.execPath, [cli, ...line], { env, encoding: 'utf8' });
  const hello = call('hello', '--flag', 'x');
  assert.deepEqual([hello.status, hello.stdout, hello.stderr], [7, 'hello --flag x\n', '']);
  assert.match(call('show', crio).stdout, /Displaying container checkpoint data/);
  assert.match(call('--help').stdout, /\n {2}hello +Plugin provided by /);
  assert.match(call('nope').stderr, /^Error: unknown command "nope" for "stasis"\n/);
});

test('limits of archives: named where they are reached, raised by their flags, refused where they make no sense', async () => {
  const reached = await stasis(['ls', '--max-members', '3', crio]);
  assert.equal(reached.status, 1);
  assert.match(
    reached.err,
    /the limit is 3\nif the archive can be trusted, raise the limit with --max-members\n$/,
  );
  assert.equal((await stasis(['show', '--max-members=1000', crio])).status, 0);
  assert.match((await stasis(['show', '--max-members=0', crio])).err, /must be a positive whole number/);
  assert.match((await stasis(['completion', 'bash', '--max-members=1'])).err, /unknown flag: --max-members/);
});

test('verify --needs: what a restore would need, in JSON always', async () => {
  const { status, out } = await stasis(['verify', '--needs', crio]);
  assert.equal(status, 0);
  assert.match(out, /\n {2}a restore needs\n {4}machine: amd64 \(/);
  const json = await stasis(['verify', '--format', 'json', crio]);
  const [verdict] = JSON.parse(json.out);
  assert.deepEqual(verdict.needs[0], {
    kind: 'machine',
    what: 'amd64',
    reason: 'registers and code are those of this machine',
  });
});

test('deviceplugin versions prints the table, and as JSON', async () => {
  const { status, out } = await stasis(['deviceplugin', 'versions']);
  assert.equal(status, 0);
  assert.match(out, /^KUBERNETES {3}v1alpha1 {3}v1beta1 {3}NEW IN IT\n1\.8 {10}✓ {10}-\n/);
  assert.match(out, /\n1\.26 {9}- {10}✓\n/);
  const json = JSON.parse((await stasis(['deviceplugin', 'versions', '-o', 'json'])).out);
  assert.deepEqual(json[0], { kubernetes: '1.8', apis: { v1alpha1: true, v1beta1: false }, new: [] });
});
