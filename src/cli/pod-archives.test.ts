import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { folderFor } from '../../test/runtime.ts';
import { type TarMember, writeTar } from '../archive/tar-writer.ts';
import { utf8 } from '../bytes/text.ts';
import { podAnnotations } from '../checkpoint/layout.ts';
import { capturedConsole } from './captured-console.ts';
import { commands } from './commands.ts';
import { run } from './run.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');
const tasks = join(fixtures, 'crun-1.28-tasks.tar');
const sockets = join(fixtures, 'crun-1.28-sockets.tar');

async function stasis(...line: string[]) {
  const console = capturedConsole();
  const status = await run(commands, line, console);
  return { status, out: console.out.text, err: console.err.text };
}

async function archive(path: string, members: Record<string, Uint8Array | object>): Promise<string> {
  const list = Object.entries(members).map(([name, value]): TarMember => {
    const content = value instanceof Uint8Array ? value : utf8(JSON.stringify(value));
    return { name, mode: 0o600, mtime: 0, content };
  });
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(list)) pieces.push(piece);
  writeFileSync(path, Buffer.concat(pieces));
  return path;
}

/** The archive of a pod with these containers. */
async function pod(folder: string, name: string, containers: Record<string, string>): Promise<string> {
  const files = Object.keys(containers).map((each) => [each, `${each}.tar`]);
  const archives: Record<string, Uint8Array> = {};
  for (const [each, path] of Object.entries(containers)) archives[`${each}.tar`] = await readFile(path);
  return archive(join(folder, name), {
    'pod.dump': { metadata: { name: 'two', namespace: 'default', uid: 'u' }, hostname: 'two' },
    'pod.options': {
      version: 1,
      containers: Object.fromEntries(files),
      annotations: { [podAnnotations.frozenMicroseconds]: '71234' },
    },
    ...archives,
  });
}

async function twoPods(t: TestContext) {
  const folder = folderFor(t, 'pods');
  const a = await pod(folder, 'a.tar', { one: tasks, two: sockets });
  const b = await pod(folder, 'b.tar', { one: sockets, three: tasks });
  return { folder, a, b };
}

test('inspect, show, verify and memparse take the archive of a pod as its containers', async (t) => {
  const { a } = await twoPods(t);
  const inspected = await stasis('inspect', '--ps-tree', a);
  assert.equal(inspected.err, '');
  assert.match(inspected.out, /view from \S+a\.tar\/one\n[\s\S]*tree view from \S+a\.tar\/two\n/);
  const json = await stasis('inspect', '--format', 'json', a);
  assert.equal(JSON.parse(json.out).length, 2);
  assert.equal((await stasis('show', a)).out.trim().split('\n').length, 4);
  const target = await stasis('show', '--target', a, '--print-stats');
  assert.match(target.out, /\| FROZEN TIME \|[\s\S]*\| 71234 us/);
  const verified = await stasis('verify', a);
  assert.equal(verified.status, 0, verified.out);
  assert.match(verified.out, /a\.tar: ok .*\n\S+a\.tar\/one: ok .*\n\S+a\.tar\/two: ok /);
  assert.match((await stasis('memparse', a)).out, /a\.tar\/one\n[\s\S]*a\.tar\/two\n/);
});

test('an archive in an archive is opened by its path, one that is not there is named with those that are', async (t) => {
  const { folder, a } = await twoPods(t);
  const { out } = await stasis('cat', `${a}/two`, 'config.dump');
  assert.equal(out, (await stasis('cat', sockets, 'config.dump')).out);
  assert.equal((await stasis('inspect', `${a}/two.tar`)).status, 0);
  const missing = await stasis('inspect', `${a}/three`);
  assert.equal(missing.status, 1);
  assert.match(missing.err, /a\.tar has no archive "three" in it\n.*it has one, two/);
  assert.match((await stasis('inspect', join(folder, 'none/three'))).err, /no such file or directory/);
  // Where one process is meant, one container has to be.
  const ambiguous = await stasis('strings', a);
  assert.notEqual(ambiguous.status, 0);
  assert.match(ambiguous.err, /is the checkpoint of a pod\n.*a\.tar\/one, \S+a\.tar\/two/);
  assert.equal((await stasis('strings', `${a}/two`)).status, 0);
});

test('diff compares pods container by container', async (t) => {
  const { a, b } = await twoPods(t);
  const { status, out, err } = await stasis('diff', a, b);
  assert.equal(status, 0, err);
  assert.match(out, /~ PID 1 tasks -> PID 1 sockets/);
  assert.match(err, /container two is only in \S+a\.tar\ncontainer three is only in \S+b\.tar\n/);
  assert.equal(JSON.parse((await stasis('diff', '--format', 'json', a, b)).out).length, 1);
  const other = await stasis('diff', a, tasks);
  assert.match(other.err, /a\.tar is the checkpoint of a pod/);
  assert.equal((await stasis('diff', `${a}/one`, tasks)).status, 0);
});

test('verify names what is wrong in the archive of a pod', async (t) => {
  const { folder } = await twoPods(t);
  const bad = await archive(join(folder, 'bad.tar'), {
    'pod.dump': {},
    'pod.options': { version: 1, containers: { one: 'one.tar', two: 'two.tar' } },
    'one.tar': (await readFile(tasks)).subarray(0, 100_000),
  });
  const { status, out } = await stasis('verify', bad);
  assert.equal(status, 1);
  assert.match(out, /bad\.tar: BAD[\s\S]*the archive two\.tar of container two is missing/);
  assert.match(out, /bad\.tar\/one: BAD/);
});

test('what extract made, and a kubelet directory, are looked into the same way', async (t) => {
  const { folder, a } = await twoPods(t);
  const directory = join(folder, 'checkpoints');
  mkdirSync(directory);
  copyFileSync(a, join(directory, 'abc.tar'));
  const entry = {
    SandboxID: 'abc',
    'io.kubernetes.pod.name': 'two',
    'io.kubernetes.pod.namespace': 'default',
  };
  writeFileSync(
    join(directory, 'checkpointed.pods'),
    JSON.stringify({ Version: 0, CheckpointedPods: [entry] }),
  );
  const listed = await stasis('list', '--format', 'json', directory);
  assert.deepEqual(
    JSON.parse(listed.out).map((one: { checkpoint_name: string }) => one.checkpoint_name),
    ['abc.tar/one', 'abc.tar/two'],
  );
  const extracted = join(folder, 'all.tar.zst');
  const plain = await archive(join(folder, 'all.tar'), {
    'checkpointed.pods': await readFile(join(directory, 'checkpointed.pods')),
    'abc.tar': await readFile(a),
  });
  writeFileSync(extracted, zstdCompressSync(await readFile(plain)));
  assert.ok(existsSync(extracted));
  for (const path of [plain, extracted, directory]) {
    const verified = await stasis('verify', path);
    assert.equal(verified.status, 0, verified.out);
    assert.equal(verified.out.split('\n').filter((line) => line.includes(': ok')).length, 4);
    const { out, status } = await stasis('inspect', path);
    assert.equal(status, 0, path);
    assert.match(out, /abc\.tar\/one\n[\s\S]*abc\.tar\/two\n/);
  }
});
