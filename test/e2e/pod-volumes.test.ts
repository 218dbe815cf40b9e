import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { before, test } from 'node:test';
import { indexTar, openEntry } from '../../src/archive/tar-index.ts';
import { type NewMember, writeTar } from '../../src/archive/tar-writer.ts';
import { bytesSource } from '../../src/bytes/byte-source.ts';
import { sha256Of } from '../../src/localfs/sha256.ts';
import { makeRootfs } from '../engines/image.ts';
import { folderFor, needsRuntime, runFor, until } from '../runtime.ts';
import { TestNode } from './node.ts';

const image = join(mkdtempSync(join(tmpdir(), 'stasis-image-')), 'rootfs');
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(image, ['load']);
});

const appends = (path: string) =>
  `exec 3>>${path}; i=0; while :; do i=$((i+1)); echo $i >&3; echo $i; sleep 0.05; done`;

/** Two share a file in memory and a pipe; one appends to a file that it holds open, on disk; one in memory. */
const pod = `
apiVersion: v1
kind: Pod
metadata: {name: holders, namespace: default}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: scratch, emptyDir: {}}, {name: fast, emptyDir: {medium: Memory, sizeLimit: 16Mi}}]
  containers:
  - {name: writer, image: 'rootdir:${image}', command: [/bin/load, writer, /scratch/number], volumeMounts: [{name: scratch, mountPath: /scratch}]}
  - {name: reader, image: 'rootdir:${image}', command: [/bin/load, reader, /scratch/number], volumeMounts: [{name: scratch, mountPath: /scratch}]}
  - name: disk
    image: 'rootdir:${image}'
    command: [/bin/sh, -c, 'busybox ln -s /etc/out /scratch/soft; busybox chmod 1770 /scratch; ${appends('/scratch/log')}']
    volumeMounts: [{name: scratch, mountPath: /scratch}]
  - name: memory
    image: 'rootdir:${image}'
    command: [/bin/sh, -c, '${appends('/fast/log')}']
    volumeMounts: [{name: fast, mountPath: /fast}]
`;

const containers = ['reader', 'disk', 'memory'];

function last(node: TestNode, name: string, container: string): number {
  const lines = node.output(name, container);
  assert.equal(
    lines.find((line) => line.startsWith('failed')),
    undefined,
  );
  return Number(lines.at(-1) ?? 0);
}

async function goOn(node: TestNode, name: string, from: (container: string) => number): Promise<void> {
  for (const container of containers) {
    await until(`${name}/${container} goes on`, () => last(node, name, container) > from(container));
  }
}

async function volumeOf(node: TestNode, name: string, volume: string): Promise<string> {
  const { uid } = (await node.pod(name)) ?? assert.fail(`no pod ${name}`);
  return join(node.root, 'pods', uid, 'volumes/kubernetes.io~empty-dir', volume);
}

/** Each number once, in order: the file was of the same moment as the program, and is open still. */
function assertCounted(file: string, least: number): void {
  const numbers = readFileSync(file, 'utf8').trimEnd().split('\n').map(Number);
  assert.ok(numbers.length > least, `${file}: ${numbers.length} numbers, ${least} at the checkpoint`);
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  );
}

test('what is in emptyDir volumes goes with a drained pod, open files go on', needsRuntime, async (t) => {
  const stasis = (...args: string[]) => runFor(t, process.execPath, ['bin/stasis.cjs', ...args]);
  const a = new TestNode(t);
  a.manifest('holders', pod);
  await a.start();
  await goOn(a, 'holders', () => 20);
  const none = await a.stasis('checkpoint', 'pod', 'default/holders', '--volumes', 'none');
  assert.equal(none.status, 0, none.stderr);
  const listed = async (archive: string) => (await runFor(t, 'tar', ['-tf', archive])).stdout;
  assert.doesNotMatch(await listed(none.stdout.trim()), /volumes/);
  const single = await a.stasis('checkpoint', 'default/holders/memory', '--volumes', 'none');
  assert.equal(single.status, 2);
  assert.match(single.stderr, /--volumes is for checkpoints of pods/);
  const drained = await a.stasis('drain', '-o', 'json');
  assert.equal(drained.status, 0, drained.stderr);
  const { archive } = JSON.parse(drained.stdout).pods[0];
  assert.match(await listed(archive), /\nvolumes\/scratch\.tar\nvolumes\/fast\.tar\n/);
  const verified = await stasis('verify', archive);
  assert.equal(verified.status, 0, verified.stdout);
  const at = Object.fromEntries(containers.map((name) => [name, last(a, 'holders', name)]));
  const folder = folderFor(t, 'moved');
  const [moved, copy] = [join(folder, 'moved.tar'), join(folder, 'copy')];
  assert.equal((await runFor(t, 'cp', ['-a', await volumeOf(a, 'holders', 'scratch'), copy])).status, 0);
  writeFileSync(join(copy, 'marker'), 'only in the copy');
  assert.equal((await stasis('extract', '--target', a.checkpoints, '-o', moved)).status, 0);

  const b = new TestNode(t);
  mkdirSync(b.checkpoints, { recursive: true, mode: 0o700 });
  const inserted = await stasis('insert', '--target', b.checkpoints, '-i', moved);
  assert.equal(inserted.status, 0, inserted.stderr);
  await b.start();
  await b.running('holders', 'reader');
  await goOn(b, 'holders', (name) => at[name] ?? 0);
  const [scratch, fast] = [await volumeOf(b, 'holders', 'scratch'), await volumeOf(b, 'holders', 'fast')];
  assertCounted(join(scratch, 'log'), at['disk'] ?? 0);
  assertCounted(join(fast, 'log'), at['memory'] ?? 0);
  assert.equal(statfsSync(fast).type, 0x01021994, 'it is in memory again');
  assert.ok(lstatSync(join(scratch, 'number.pipe')).isFIFO());
  assert.ok(lstatSync(join(scratch, 'soft')).isSymbolicLink());
  assert.equal(lstatSync(scratch).mode & 0o7777, 0o1770);

  const as = ['--name', 'mapped', '--volume-map', `scratch=${copy}`];
  const mapped = await b.stasis('restore', archive, ...as);
  assert.equal(mapped.status, 0, mapped.stderr);
  await goOn(b, 'mapped', (name) => at[name] ?? 0);
  assertCounted(join(copy, 'log'), at['disk'] ?? 0);
  assert.equal(readFileSync(join(copy, 'marker'), 'utf8'), 'only in the copy');
  assert.equal(existsSync(await volumeOf(b, 'mapped', 'scratch')), false);

  const damaged = join(folder, 'damaged.tar');
  cpSync(archive, damaged);
  await rewrite(archive, damaged, [{ name: '../../../../x', content: Buffer.from('x') }], false);
  const bad = await stasis('verify', damaged);
  assert.equal(bad.status, 1);
  assert.match(bad.stdout, /volumes\/scratch\.tar: the digest of volume scratch differs/);
  await rewrite(archive, damaged, [{ name: '../../../../x', content: Buffer.from('x') }], true);
  const refused = await b.stasis('restore', damaged, '--name', 'hostile');
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /volume scratch: the member "..\/..\/..\/..\/x" leads out of the volume/);
  await until('nothing of it is left', async () => (await b.pods()).length === 2);
  const found = await runFor(t, 'find', [b.root, '-name', 'x']);
  assert.equal(found.stdout, '');
  assert.equal(readdirSync(join(b.root, 'pods')).length, 2);
});

test(
  'a pod with more in its volumes than is captured is told how to be captured',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    node.manifest('holders', pod);
    await node.start();
    await goOn(node, 'holders', () => 1);
    const file = join(await volumeOf(node, 'holders', 'scratch'), 'big');
    appendFileSync(file, '');
    // A hole takes no place, neither here nor in the archive.
    assert.equal((await runFor(t, 'truncate', ['-s', '5G', file])).status, 0);
    const hollow = await node.stasis('checkpoint', 'pod', 'default/holders', '-o', 'json');
    assert.equal(hollow.status, 0, hollow.stderr);
    assert.ok(JSON.parse(hollow.stdout).size < 256 << 20);
    assert.equal((await runFor(t, 'fallocate', ['-l', '5G', file])).status, 0);
    const refused = await node.stasis('checkpoint', 'pod', 'default/holders');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /its emptyDir volumes hold 51\d\d MiB, more than 4096\n.*--volumes none/);
    const seen = Object.fromEntries(containers.map((name) => [name, last(node, 'holders', name)]));
    await goOn(node, 'holders', (name) => seen[name] ?? 0);
    const made = await node.stasis('checkpoint', 'pod', 'default/holders', '--volumes', 'none');
    assert.equal(made.status, 0, made.stderr);
  },
);

/** The archive with another `volumes/scratch.tar`, of which it tells the digest if it is to. */
async function rewrite(from: string, to: string, volume: NewMember[], tell: boolean): Promise<void> {
  const bytes = bytesSource(readFileSync(from));
  const { entries } = await indexTar(bytes);
  const tar = await whole(writeTar(volume));
  const members: NewMember[] = [];
  for (const entry of entries) {
    let content: Uint8Array = Buffer.from(await openEntry(bytes, entry).read(0, entry.size));
    if (entry.name === 'volumes/scratch.tar') content = tar;
    if (entry.name === 'pod.options' && tell) {
      const options = JSON.parse(Buffer.from(content).toString());
      Object.assign(options.volumes.scratch, { size: tar.length, sha256: sha256Of(tar) });
      content = Buffer.from(JSON.stringify(options));
    }
    members.push({ name: entry.name, content });
  }
  writeFileSync(to, await whole(writeTar(members)));
  assert.notEqual(basename(to), basename(from));
}

async function whole(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
