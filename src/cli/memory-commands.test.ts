import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { capturedConsole } from './captured-console.ts';
import { commands } from './commands.ts';
import { run } from './run.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');
const crio = join(fixtures, 'crio-1.37-runc.tar');
const podman = join(fixtures, 'podman-5.8.6-crun-zstd.tar');

async function stasis(...line: string[]) {
  const console = capturedConsole();
  const status = await run(commands, line, console);
  return { status, out: console.out.text, err: console.err.text };
}

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stasis-memory-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('memparse --format json: sizes and matches as numbers; a dump is refused', async () => {
  const [one] = JSON.parse((await stasis('memparse', '--format', 'json', crio)).out);
  assert.equal(one.path, crio);
  assert.ok(one.processes[0].memory_size % 4096 === 0 && one.processes[0].process_name === 'sh');
  const found = JSON.parse(
    (await stasis('memparse', '--format', 'json', '-p', '1', '-s', 'HOSTNAME', podman)).out,
  );
  assert.deepEqual(found, {
    ...{ pid: 1, pattern: 'HOSTNAME' },
    matches: [{ address: '0x7ffeb54e7fda', match: 'HOSTNAME', instance: 1 }],
  });
  const refused = await stasis('memparse', '--format', 'json', '-p', '1', crio);
  assert.match(refused.err, /^Error: --format json is for sizes and searches/);
});

test('search: each hit with process, address, rights, map and context; in a compressed archive as well', async () => {
  const { status, out } = await stasis('search', '-c', '4', podman, 'HOSTNAME');
  assert.equal(status, 0);
  assert.equal(
    out,
    `1 sh 00007ffeb54e7fda rw-p [stack]: oot.[HOSTNAME]=cd1
10 sleep 00007fff4c36df9f rw-p [stack]: 0.2.[HOSTNAME]=cd1
`,
  );
  const only = await stasis('search', '--pid', '10', '--regex', podman, 'PATH=[a-z/]+', '--format', 'json');
  const hits = only.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    hits.map(({ pid, address, map, text, file_offset }) => [pid, address, map, text, file_offset]),
    [
      [10, '0x5f5cc9', '/bin/busybox', 'PATH=/sbin', 2055369],
      [10, '0x7fff4c36dfd9', '[stack]', 'PATH=/bin', undefined],
    ],
  );
});

test('search: status 1 when nothing is found, 2 when it fails', async () => {
  assert.deepEqual(await stasis('search', crio, 'no such text'), { status: 1, out: '', err: '' });
  assert.equal((await stasis('search', '/nope', 'x')).status, 2);
  assert.equal((await stasis('search', crio)).err, 'Error: give a PATTERN, or --secrets\n');
  assert.equal((await stasis('search', '--hex', '--regex', crio, 'x')).status, 2);
  assert.equal((await stasis('search', '--pid', 'x', crio, 'y')).err, 'Error: "x" is no process id\n');
  const limited = await stasis('search', '--limit', '1', '--hex', crio, '7f 45 4c 46');
  assert.equal(limited.out.split('\n').length, 2);
});

test('strings: texts with process and address, none shorter than asked', async () => {
  const { out } = await stasis('strings', '-n', '20', '-p', '21', crio);
  const lines = out.trimEnd().split('\n');
  assert.ok(lines.length > 10);
  for (const line of lines) assert.match(line, /^21 [0-9a-f]{16} [\t\x20-\x7e]{20,}$/);
});

test('hexdump: a range, and the maps of a name', async () => {
  const { out } = await stasis('hexdump', '--pid', '1', '--range', '401000-401010', podman);
  assert.equal(
    out,
    '0000000000401000  48 83 ec 08 48 c7 c0 00 00 00 00 48 85 c0 74 02  |H...H......H..t.|\n',
  );
  assert.match((await stasis('hexdump', '--map', '[stack]', podman)).out, /\|OME=\/root\.HOSTNA\|\n/);
  const wrong = await stasis('hexdump', '--map', 'nope', podman);
  assert.equal(wrong.status, 1);
  assert.match(wrong.err, /^Error: process 1 has no map named "nope"\nit has \/bin\/busybox, \[heap\], /);
  assert.equal((await stasis('hexdump', '--range', '20-10', podman)).status, 2);
});

test('memdump: the bytes of a range, zeros for what is not there, a private file', async (t) => {
  const folder = await scratch(t);
  const path = join(folder, 'memory');
  const { status, err } = await stasis('memdump', '--range', '401000-402000', '-o', path, podman);
  assert.deepEqual([status, err], [0, `${path}: 4.0 KiB\n`]);
  const bytes = await readFile(path);
  assert.equal(bytes.subarray(0, 4).toString('hex'), '4883ec08');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const absent = await stasis('memdump', '--range', '10000-12000', '-o', path, podman);
  assert.match(absent.err, /8\.0 KiB, 8\.0 KiB of them not in the checkpoint: zeros\n$/);
  assert.ok((await readFile(path)).every((byte) => byte === 0));
  assert.equal((await stasis('memdump', '--range', '1-2', podman)).status, 2);
});

test('coredump: an ELF core file; nothing is left of one that failed', async (t) => {
  const folder = await scratch(t);
  const path = join(folder, 'core');
  const { status } = await stasis('coredump', '--pid', '21', '-o', path, crio);
  assert.equal(status, 0);
  const bytes = await readFile(path);
  assert.equal(bytes.subarray(0, 4).toString('latin1'), '\x7fELF');
  assert.equal(bytes.readUInt16LE(16), 4, 'ET_CORE');
  const missing = await stasis('coredump', '--pid', '99', '-o', join(folder, 'none'), crio);
  assert.match(missing.err, /^Error: no process with PID 99/);
  assert.deepEqual(await readdir(folder), ['core']);
});
