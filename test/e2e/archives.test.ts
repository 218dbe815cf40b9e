import assert from 'node:assert/strict';
import {
  copyFileSync,
  createWriteStream,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type TestContext, test } from 'node:test';
import type { HttpStream } from '../../src/api/client.ts';
import { indexTar } from '../../src/archive/tar-index.ts';
import { type NewMember, writeTar } from '../../src/archive/tar-writer.ts';
import { bytesSource } from '../../src/bytes/byte-source.ts';
import { openCheckpoint } from '../../src/localfs/open-checkpoint.ts';
import { folderFor, needsRuntime, project, runFor, until } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');

/** Names as the kubelet gives them → where these archives come from. */
const kept = {
  'checkpoint-counter_default-main-2026-01-01T00:00:00Z.tar': 'containerd-2.1.9-crun.tar',
  'checkpoint-sockets_default-main-2026-01-01T00:00:00Z.tar': 'crun-1.28-sockets.tar',
} as const;
const [counter, sockets] = Object.keys(kept) as [string, string];

/** A node that keeps real archives. */
async function startNode(t: TestContext): Promise<TestNode> {
  const node = new TestNode(t);
  await node.start();
  for (const [name, from] of Object.entries(kept)) {
    copyFileSync(join(fixtures, from), join(node.checkpoints, name));
  }
  return node;
}

async function bytesOf({ body }: HttpStream): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The command line without a daemon. */
async function stasis(t: TestContext, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runFor(t, process.execPath, [
    join(project, 'bin/stasis.cjs'),
    ...args,
  ]);
  assert.equal(status, 0, stderr);
  return stdout;
}

interface AuditLine {
  message: string;
  path: string;
  verb: string;
  resource: string;
  status: number;
  archive?: string;
  digest?: string;
}

const auditOf = (node: TestNode): AuditLine[] =>
  node.log
    .split('\n')
    .filter((line) => line.includes('"audit"'))
    .map((line) => JSON.parse(line));

test('convert makes a new archive beside the one that it is made of', needsRuntime, async (t) => {
  const node = await startNode(t);
  const client = node.client();
  const before = readFileSync(join(node.checkpoints, counter));
  const request = { to: 'podman', image: 'localhost/counter:1', imageId: 'a'.repeat(64) } as const;
  const first = await client.convert(counter, request, signal());
  const second = await client.convert(counter, request, signal());
  assert.notEqual(first.checkpoint.name, second.checkpoint.name);
  assert.equal(first.of, counter);
  assert.ok(first.notes.some(({ kind }) => kind === 'needed' || kind === 'changed' || kind === 'lost'));
  const { checkpoint } = first;
  assert.deepEqual(
    [checkpoint.namespace, checkpoint.pod, checkpoint.container],
    ['default', 'counter', 'main'],
  );
  assert.equal(statSync(checkpoint.path).mode & 0o777, 0o600);
  assert.equal((await client.describeCheckpoint(checkpoint.name, signal())).containers[0]?.engine, 'Podman');
  assert.ok(readFileSync(join(node.checkpoints, counter)).equals(before), 'the archive stays');

  // What the command line writes.
  const here = join(folderFor(t, 'convert'), 'here.tar');
  const flags = ['--to', 'podman', '--image', request.image, '--image-id', request.imageId];
  await stasis(t, 'convert', ...flags, '-o', here, join(node.checkpoints, counter));
  assert.ok(readFileSync(checkpoint.path).equals(readFileSync(here)));

  const line = await until('the audit line with its digest', () =>
    auditOf(node).find(({ archive }) => archive === checkpoint.path),
  );
  assert.deepEqual([line.verb, line.resource, line.status], ['convert', 'nodes/checkpoint', 201]);
  assert.match(line.digest ?? '', /^sha256:[0-9a-f]{64}$/);

  const wrong = [
    [{ to: 'docker' as never }, 'invalid-argument', /to is "docker"/],
    [{ to: 'containerd', compress: 'gzip' }, 'invalid-argument', /containerd takes no compressed archive/],
    [{ to: 'stasis', pod: true }, 'invalid-argument', /pod is for Podman/],
    [{ to: 'stasis', name: '../../x' }, 'invalid-argument', /name is .* not the name of a container/],
    [{ to: 'podman', mounts: { '/data': 'here' } }, 'invalid-argument', /not an absolute path/],
  ] as const;
  for (const [asked, code, message] of wrong) {
    await assert.rejects(client.convert(counter, asked, signal()), { code, message });
  }
  writeFileSync(join(node.checkpoints, counter), before.subarray(0, 5000));
  await assert.rejects(client.convert(counter, request, signal()), { code: 'corrupt' });
  assert.deepEqual(readdirSync(node.checkpoints).sort(), [
    ...[counter, sockets, checkpoint.name, second.checkpoint.name].sort(),
  ]);
});

const largePages = 'checkpoint/pages-99.img';

/** An archive that takes a while. */
async function keepLarge(node: TestNode): Promise<string> {
  const name = 'checkpoint-large_default-main-2026-01-01T00:00:00Z.tar';
  const archive = await openCheckpoint(join(fixtures, 'containerd-2.1.9-crun.tar'));
  const members: NewMember[] = [];
  for (const member of (await archive.members()).files) {
    members.push({ name: member.name, content: await archive.read(member.name) });
  }
  await archive.close();
  const all = writeTar([...members, { name: largePages, content: new Uint8Array(256 << 20) }]);
  await pipeline(all, createWriteStream(join(node.checkpoints, name), { mode: 0o600 }));
  return name;
}

/** Which of these files the node's daemon has open. */
function heldOpen(node: TestNode, name: string): string[] {
  const folder = `/proc/${node.pid}/fd`;
  return readdirSync(folder).flatMap((fd) => {
    try {
      const path = readlinkSync(join(folder, fd));
      return path.includes(name) || /checkpoints\/\.\d/.test(path) ? [path] : [];
    } catch {
      return [];
    }
  });
}

test('slow downloads keep nobody from looking, and too many are refused', needsRuntime, async (t) => {
  const node = await startNode(t);
  const client = node.client();
  const name = await keepLarge(node);
  const leaving = new AbortController();
  const slow: HttpStream[] = [];
  for (let count = 0; count < 4; count++) {
    slow.push(await client.member(name, largePages, {}, leaving.signal));
  }
  await assert.rejects(client.member(name, largePages, {}, signal()), {
    code: 'busy',
    message: /4 archives are being read or written whole/,
  });
  assert.equal((await client.inspect(counter, {}, signal()))['engine'], 'containerd');
  leaving.abort();
  for (const { body } of slow) await assert.rejects(bytesOf({ status: 0, headers: {}, body }));
  await until('there is room again', async () => {
    const asked = client.member(counter, 'spec.dump', {}, signal());
    return asked.then(bytesOf).catch(() => undefined);
  });
  await until('the archive is let go', () => heldOpen(node, name).length === 0);
});

test('a conversion whose client goes leaves nothing', needsRuntime, async (t) => {
  const node = await startNode(t);
  const name = await keepLarge(node);
  const before = readdirSync(node.checkpoints).sort();
  const hidden = (): boolean => readdirSync(node.checkpoints).some((file) => /^\.\d+$/.test(file));
  const leaving = new AbortController();
  const asked = node.client().convert(name, { to: 'stasis' }, leaving.signal);
  await Promise.race([asked, until('it is being written', hidden)]);
  leaving.abort();
  await assert.rejects(asked);
  await until('nothing is left', () => !hidden());
  assert.deepEqual(readdirSync(node.checkpoints).sort(), before);
  await until('the archive is let go', () => heldOpen(node, name).length === 0);
  await until('the audit line', () =>
    auditOf(node).some(({ path, status }) => path.endsWith('/convert') && status >= 400),
  );
});

test('edit makes a new archive with other ports, annotations and image', needsRuntime, async (t) => {
  const node = await startNode(t);
  const client = node.client();
  const before = readFileSync(join(node.checkpoints, sockets));
  const edited = await client.edit(sockets, { annotations: { owner: 'me' }, image: 'counter:2' }, signal());
  assert.equal(edited.of, sockets);
  assert.ok(readFileSync(join(node.checkpoints, sockets)).equals(before));
  assert.equal(statSync(edited.checkpoint.path).mode & 0o777, 0o600);
  const spec = await bytesOf(await client.member(edited.checkpoint.name, 'spec.dump', {}, signal()));
  assert.equal(JSON.parse(spec.toString()).annotations.owner, 'me');
  const wrong = [
    [{}, 'invalid-argument', /none of ports, annotations and image/],
    [{ ports: { '80': 70_000 } }, 'invalid-argument', /from 1 to 65535/],
    [{ ports: { x: 80 } }, 'invalid-argument', /which is no port/],
    [{ ports: { '1': 80 } }, 'invalid-argument', /no TCP listen sockets found with source port 1/],
  ] as const;
  for (const [asked, code, message] of wrong) {
    await assert.rejects(client.edit(sockets, asked, signal()), { code, message });
  }
  const again = client.edit(edited.checkpoint.name, { image: 'counter:2' }, signal());
  await assert.rejects(again, { code: 'failed-precondition', message: /as wanted already/ });
  assert.deepEqual(readdirSync(node.checkpoints).sort(), [counter, sockets, edited.checkpoint.name].sort());
  assert.equal(auditOf(node).find(({ path }) => path.endsWith('/edit'))?.verb, 'edit');
});

test('members are listed, read one by one and as a tar', needsRuntime, async (t) => {
  const node = await startNode(t);
  const client = node.client();
  const listed = await client.members(counter, {}, signal());
  assert.deepEqual(
    listed,
    JSON.parse(await stasis(t, 'ls', '--format', 'json', join(node.checkpoints, counter))),
  );
  const archive = await openCheckpoint(join(node.checkpoints, counter));
  const names = (await archive.members()).files.map(({ name }) => name).slice(0, 6);
  const contents = await Promise.all(names.map((name) => archive.read(name)));
  await archive.close();
  for (const [at, name] of names.entries()) {
    const got = await bytesOf(await client.member(counter, name, {}, signal()));
    assert.ok(got.equals(contents[at] ?? new Uint8Array()), name);
  }
  const tar = await bytesOf(await client.extractMembers(counter, { members: names }, signal()));
  const index = await indexTar(bytesSource(tar));
  assert.deepEqual(
    index.entries.map(({ name, mode }) => [name, mode]),
    names.map((name) => [name, 0o600]),
  );
  for (const [at, name] of names.entries()) {
    const entry = index.content(name);
    const start = entry?.dataOffset ?? 0;
    assert.ok(tar.subarray(start, start + (entry?.size ?? 0)).equals(contents[at] ?? new Uint8Array()), name);
  }
  const missing = { code: 'not-found', message: /has no member/ };
  for (const name of ['../../../etc/passwd', '/etc/passwd', 'none', 'checkpointed.pods']) {
    await assert.rejects(client.member(counter, name, {}, signal()), missing, name);
    await assert.rejects(client.extractMembers(counter, { members: [name] }, signal()), missing, name);
    await assert.rejects(client.members(counter, { in: name }, signal()), { code: 'not-found' });
  }
  await assert.rejects(client.member('../../../etc/passwd', 'x', {}, signal()), { code: 'not-found' });
  // What an archive from elsewhere names is not made into a path by us.
  const evil = 'checkpoint-evil_default-main-2026-01-01T00:00:00Z.tar';
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar([{ name: '../evil', content: Buffer.from('x') }]))
    pieces.push(piece.slice());
  writeFileSync(join(node.checkpoints, evil), Buffer.concat(pieces));
  await assert.rejects(client.extractMembers(evil, { members: ['../evil'] }, signal()), {
    code: 'invalid-argument',
    message: /'\.\.' in its name/,
  });
  // A later member that is missing breaks the tar off: nobody takes a part for the whole.
  await assert.rejects(
    client.extractMembers(counter, { members: [...names, 'none'] }, signal()).then(bytesOf),
  );
});

/** A list of two pods as it stands in `checkpointed.pods`. */
const listOf = (...sandboxes: string[]): string =>
  JSON.stringify({
    version: 0,
    CheckpointedPods: sandboxes.map((SandboxID, at) => ({
      'io.kubernetes.pod.uid': `uid${at}`,
      SandboxID,
      'io.kubernetes.pod.name': `pod${at}`,
      'io.kubernetes.pod.namespace': 'default',
      Containers: [],
      podIP: '',
    })),
  });

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1 << 16) yield bytes.subarray(at, at + (1 << 16));
}

async function tarOf(members: Readonly<Record<string, string>>): Promise<Buffer> {
  const list = Object.entries(members).map(([name, text]) => ({ name, content: Buffer.from(text) }));
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(list)) pieces.push(piece.slice());
  return Buffer.concat(pieces);
}

test('what extract gives, insert takes at another node, and replaces nothing', needsRuntime, async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  await assert.rejects(from.client().extract(undefined, signal()), { code: 'not-found' });
  writeFileSync(join(from.checkpoints, 'checkpointed.pods'), listOf('sandbox1', 'sandbox2'));
  writeFileSync(join(from.checkpoints, 'sandbox1.tar'), 'memory one');
  await assert.rejects(from.client().extract(undefined, signal()), { code: 'not-found' });
  writeFileSync(join(from.checkpoints, 'sandbox2.tar'), Buffer.alloc(3_000_000, 'two'));
  const extracted = await bytesOf(await from.client().extract('zstd', signal()));
  const folder = folderFor(t, 'extract');
  await stasis(t, 'extract', '-t', from.checkpoints, '-c', 'zstd', '-o', join(folder, 'here.tar'));
  assert.ok(extracted.equals(readFileSync(join(folder, 'here.tar'))));

  const before = readdirSync(to.checkpoints).sort();
  const client = to.client();
  const refused: readonly [Buffer, RegExp][] = [
    [Buffer.from('nonsense'), /./],
    [extracted.subarray(0, extracted.length - 100), /./],
    [await tarOf({ x: 'y' }), /holds no checkpointed\.pods/],
    [await tarOf({ 'checkpointed.pods': listOf('a'), 'b.tar': '' }), /lists a\.tar and does not hold it/],
    [await tarOf({ 'checkpointed.pods': listOf('../a'), '../a.tar': 'x' }), /a/],
    [await tarOf({ 'checkpointed.pods': '{' }), /checkpointed\.pods/],
  ];
  for (const [upload, message] of refused) {
    await assert.rejects(client.insert(inPieces(upload), upload.length, signal()), { message });
  }
  await assert.rejects(
    client.insert(inPieces(extracted), 2 ** 60, signal()),
    /must stay free|content-length/i,
  );
  // Its client goes in the middle of it.
  const leaving = new AbortController();
  const half = async function* (): AsyncGenerator<Uint8Array> {
    yield extracted.subarray(0, 100);
    await until('it is being written', () =>
      readdirSync(to.checkpoints).some((name) => /^\.\d+$/.test(name)),
    );
    leaving.abort();
    await new Promise(() => undefined);
  };
  await assert.rejects(client.insert(half(), undefined, leaving.signal));
  await until('nothing is left', () => !readdirSync(to.checkpoints).some((name) => /^\.\d+$/.test(name)));
  const locks = (name: string): boolean => !name.startsWith('.stasis-lock');
  assert.deepEqual(readdirSync(to.checkpoints).filter(locks).sort(), before);

  const { pods } = await client.insert(inPieces(extracted), undefined, signal());
  assert.deepEqual(
    pods.map(({ name, sandboxId }) => [name, sandboxId]),
    [
      ['pod0', 'sandbox1'],
      ['pod1', 'sandbox2'],
    ],
  );
  const second = join(to.checkpoints, 'sandbox2.tar');
  assert.ok(readFileSync(second).equals(readFileSync(join(from.checkpoints, 'sandbox2.tar'))));
  assert.equal(statSync(second).mode & 0o777, 0o600);
  const listed = (await client.checkpoints(signal())).items.filter(({ kind }) => kind === 'pod');
  assert.deepEqual(
    listed.map(({ name }) => name),
    ['sandbox1.tar', 'sandbox2.tar'],
  );
  const audit = to.log.split('\n').find((line) => line.includes('"changed"'));
  assert.deepEqual(JSON.parse(audit ?? '{}').verb, 'insert');

  const taken = { code: 'already-exists', message: /this node has a checkpoint sandbox1 already/ };
  const files = readdirSync(to.checkpoints).sort();
  await assert.rejects(client.insert(inPieces(extracted), extracted.length, signal()), taken);
  writeFileSync(join(to.checkpoints, 'sandbox4.tar'), 'not listed');
  const unlisted = await tarOf({
    'checkpointed.pods': listOf('sandbox3', 'sandbox4'),
    'sandbox3.tar': 'three',
    'sandbox4.tar': 'four',
  });
  await assert.rejects(client.insert(inPieces(unlisted), unlisted.length, signal()), {
    code: 'already-exists',
  });
  assert.equal(readFileSync(join(to.checkpoints, 'sandbox4.tar'), 'utf8'), 'not listed');
  assert.deepEqual(readdirSync(to.checkpoints).sort(), [...files, 'sandbox4.tar'].sort());
});

test('what the command line tells of an archive, the API tells', needsRuntime, async (t) => {
  const node = await startNode(t);
  const client = node.client();
  const [a, b] = [join(node.checkpoints, counter), join(node.checkpoints, sockets)];
  const folder = folderFor(t, 'told');
  const told = async (...args: string[]): Promise<unknown> =>
    JSON.parse(await stasis(t, ...args, '--format', 'json'));
  assert.deepEqual(await client.verify(counter, false, signal()), await told('verify', a));
  const [against] = await client.verify(counter, true, signal());
  const needs = against?.['needs'] as { node?: { met: string } }[];
  assert.ok(needs.length > 0 && needs.every(({ node: here }) => here !== undefined));
  assert.deepEqual(
    await client.members(counter, { rootfs: true }, signal()),
    await told('ls', '--rootfs', a),
  );
  assert.deepEqual(await client.deletedFiles(counter, undefined, signal()), await told('ls', '--deleted', a));
  assert.deepEqual(await client.memory(sockets, undefined, signal()), await told('memparse', b));
  const how = { files: true, memory: true, arguments: true };
  assert.deepEqual(
    await client.diff(counter, counter, how, signal()),
    await told('diff', '--files', '--memory', '--ps-tree-cmd', a, a),
  );
  await assert.rejects(client.diff(counter, sockets, {}, signal()), /from different containers/);
  await assert.rejects(client.diff(counter, '../x.tar', {}, signal()), { code: 'not-found' });

  const core = await bytesOf(await client.core(sockets, {}, signal()));
  await stasis(t, 'coredump', '-o', join(folder, 'core'), b);
  assert.ok(core.equals(readFileSync(join(folder, 'core'))), 'the core file');
  const heap = await bytesOf(await client.memoryContent(sockets, { map: '[stack]' }, signal()));
  await stasis(t, 'memdump', '--map', '[stack]', '-o', join(folder, 'stack'), b);
  assert.ok(heap.equals(readFileSync(join(folder, 'stack'))), 'the stack');
  const wrong = [
    [() => client.core(sockets, { pid: 99_999 }, signal()), /no process with PID 99999/],
    [() => client.memoryContent(sockets, { range: 'x' }, signal()), /no range of addresses/],
    [() => client.memoryContent(sockets, { range: '0-3fffffffffff' }, signal()), /with its holes, more than/],
    [() => client.memoryContent(sockets, { map: 'none' }, signal()), /has no map named/],
  ] as const;
  for (const [asked, message] of wrong) await assert.rejects(asked(), { message });

  const image = await bytesOf(await client.image(counter, 'registry.example/counter:1', signal()));
  await stasis(t, 'build', '-o', join(folder, 'image.tar'), a, 'registry.example/counter:1');
  assert.ok(image.equals(readFileSync(join(folder, 'image.tar'))), 'the image');
  await assert.rejects(client.image(counter, 'NO SUCH NAME', signal()), { code: 'invalid-argument' });
  for (const { verb, resource } of auditOf(node).filter(({ path }) => path.includes('/checkpoints/'))) {
    assert.deepEqual([verb, resource], ['get', 'nodes/checkpoint-content']);
  }
});
