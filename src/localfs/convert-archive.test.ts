import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { streamTar } from '../archive/tar-stream.ts';
import { editSpecDump } from '../checkpoint/edit-dumps.ts';
import { readIdentity } from '../checkpoint/identity.ts';
import { type Target, targets } from '../conversion/conversion.ts';
import { isCoded } from '../errors/coded-error.ts';
import { type Converted, type ConvertOptions, convertArchive } from './convert-archive.ts';
import { openCheckpoint } from './open-checkpoint.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');
const imageId = '1'.repeat(64);

/** Archives of every engine, and the target that stands for it. */
const archives: readonly (readonly [path: string, made: Target])[] = [
  ['podman-5.8.6/crun.tar', 'podman'],
  ['podman-5.8.6/runc-volume.tar.zst', 'podman'],
  ['containerd-2.1.9/crun.tar', 'containerd'],
  ['containerd-2.1.9/runc.tar', 'containerd'],
  ['crio-1.37-runc.tar', 'cri-o'],
];

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'convert-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function convert(
  path: string,
  output: string,
  target: Target,
  options: Partial<ConvertOptions> = {},
): Promise<Converted> {
  return convertArchive(path, output, { target, findImageId: async () => imageId, ...options });
}

async function contents(path: string): Promise<Map<string, Uint8Array>> {
  const checkpoint = await openCheckpoint(path);
  try {
    const found = new Map<string, Uint8Array>();
    for await (const { member, content } of checkpoint.stream()) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content()) pieces.push(piece.slice());
      found.set(member.name, Buffer.concat(pieces));
    }
    return found;
  } finally {
    await checkpoint.close();
  }
}

function digests(members: ReadonlyMap<string, Uint8Array>, wanted: RegExp): [string, string][] {
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const these = [...members].filter(([name]) => wanted.test(name));
  return these.map(([name, bytes]): [string, string] => [name, hash(bytes)]).sort();
}

async function namesIn(tar: Uint8Array): Promise<string[]> {
  async function* pieces() {
    yield tar;
  }
  const names: string[] = [];
  for await (const { entry } of streamTar(pieces())) names.push(entry.name.replace(/^\.\//, ''));
  return names;
}

for (const [path, made] of archives) {
  for (const target of targets.filter((one) => one !== made)) {
    test(`convertArchive + ${path} to ${target} and back has the images and the description of before`, async (t) => {
      const folder = scratch(t);
      const there = join(folder, 'there.tar');
      const back = join(folder, 'back.tar');
      await convert(join(fixtures, path), there, target);
      await convert(there, back, made);
      const before = await contents(join(fixtures, path));
      const after = await contents(back);
      const wanted =
        /^checkpoint\/|\.dump$|^(?:status|network\.status|bind\.mounts|deleted\.files|ctr\.log|container\.log|stats-dump)$|LogPath$|^volumes\//;
      assert.deepEqual(digests(after, wanted), digests(before, wanted));
      assert.equal([...after.keys()].filter((name) => name.startsWith('stasis-origin/')).length, 0);
      assert.equal(statSync(there).mode & 0o777, 0o600);
    });
  }
}

test('convertArchive + over a third engine it gives what it gives directly', async (t) => {
  const folder = scratch(t);
  const [source = ''] = archives[0] ?? [];
  const file = (name: string) => join(folder, name);
  await convert(join(fixtures, source), file('containerd.tar'), 'containerd');
  await convert(file('containerd.tar'), file('over.tar'), 'cri-o');
  await convert(join(fixtures, source), file('direct.tar'), 'cri-o');
  const dumps = /\.dump$|^checkpoint\/|\.files$|\.mounts$|^rootfs-diff/;
  assert.deepEqual(
    digests(await contents(file('over.tar')), dumps),
    digests(await contents(file('direct.tar')), dumps),
  );
});

test('convertArchive + deleted files are where the target looks for them', async (t) => {
  const folder = scratch(t);
  const forContainerd = join(folder, 'containerd.tar');
  await convert(join(fixtures, 'podman-5.8.6/crun.tar'), forContainerd, 'containerd');
  const packed = await contents(forContainerd);
  assert.equal(packed.has('deleted.files'), false);
  const names = await namesIn(gunzipSync(packed.get('rootfs-diff.tar') ?? new Uint8Array()));
  assert.ok(names.includes('etc/.wh.removed'), String(names));

  const forPodman = join(folder, 'podman.tar');
  await convert(join(fixtures, 'containerd-2.1.9/crun.tar'), forPodman, 'podman');
  const plain = await contents(forPodman);
  assert.deepEqual(JSON.parse(String(plain.get('deleted.files'))), ['/etc/removed']);
  const left = await namesIn(plain.get('rootfs-diff.tar') ?? new Uint8Array());
  assert.deepEqual(
    left.filter((name) => name.includes('.wh.')),
    [],
  );
});

test('convertArchive + every target reads as its own engine, with the same container', async (t) => {
  const folder = scratch(t);
  const engines = { containerd: 'containerd', 'cri-o': 'CRI-O', podman: 'Podman', stasis: 'stasis' } as const;
  for (const target of targets) {
    const output = join(folder, `${target}.tar`);
    await convert(join(fixtures, 'crio-1.37-runc.tar'), output, target);
    const checkpoint = await openCheckpoint(output);
    const identity = await readIdentity(checkpoint).finally(() => checkpoint.close());
    assert.equal(identity.engine, engines[target]);
    assert.equal(identity.name, 'c1');
    assert.equal(identity.image, 'test.local/bb:1');
  }
});

test('convertArchive + tells containerd the digest that CRI-O noted, and Podman the image that it is told', async (t) => {
  const folder = scratch(t);
  const output = join(folder, 'out.tar');
  await convert(join(fixtures, 'crio-1.37-runc.tar'), output, 'containerd');
  const config = JSON.parse(String((await contents(output)).get('config.dump')));
  assert.match(config.rootfsImageRef, /^test\.local\/bb@sha256:57964a84/);
  assert.equal(config.runtime, 'io.containerd.runc.v2');
  await convert(join(fixtures, 'containerd-2.1.9/runc.tar'), output, 'podman', {
    image: 'localhost/other:2',
    name: 'renamed',
  });
  const podman = JSON.parse(String((await contents(output)).get('config.dump')));
  assert.equal(podman.rootfsImageName, 'localhost/other:2');
  assert.equal(podman.rootfsImageID, imageId);
  assert.equal(podman.runtime, 'runc');
  assert.equal(podman.name, 'renamed');
});

test('convertArchive + a shared process namespace needs a pod of Podman, and says which', async (t) => {
  const output = join(scratch(t), 'out.tar');
  const { notes } = await convert(join(fixtures, 'containerd-2.1.9/crun.tar'), output, 'podman');
  assert.match(notes.find(({ about }) => about === 'pod')?.detail ?? '', /--share ipc,net,pid,uts/);
  const config = JSON.parse(String((await contents(output)).get('config.dump')));
  assert.notEqual(config.pod, '');
  assert.equal(config.pidNsCtr, config.pod);
  assert.equal(config.createNetNS, false);
});

test('convertArchive + mounts get the sources that are given, hooks and commands to the runtime stay out', async (t) => {
  const folder = scratch(t);
  const output = join(folder, 'out.tar');
  const mounts = new Map([['/data', '/srv/elsewhere']]);
  const source = join(fixtures, 'podman-5.8.6/runc-volume.tar.zst');
  const before = JSON.parse(String((await contents(source)).get('spec.dump')));
  const bound = before.mounts.find(({ source: from }: { source: string }) => from.includes('/volumes/'));
  const { notes } = await convert(source, output, 'containerd', {
    mounts: new Map([[bound.destination, '/srv/elsewhere']]),
  });
  const spec = JSON.parse(String((await contents(output)).get('spec.dump')));
  const mount = spec.mounts.find(
    ({ destination }: { destination: string }) => destination === bound.destination,
  );
  assert.equal(mount.source, '/srv/elsewhere');
  assert.ok(notes.some(({ kind, about }) => kind === 'needed' && about === bound.destination));
  assert.ok(notes.some(({ kind, about }) => kind === 'lost' && about.startsWith('volumes/')));
  const unused = await convert(join(fixtures, 'containerd-2.1.9/runc.tar'), output, 'podman', { mounts });
  assert.ok(unused.notes.some(({ about }) => about === '/data'));
});

test('convertArchive + what was changed after a conversion counts', async (t) => {
  const folder = scratch(t);
  const first = join(folder, 'first.tar');
  await convert(join(fixtures, 'podman-5.8.6/crun.tar'), first, 'containerd');
  const { editArchive } = await import('./edit-archive.ts');
  await editArchive(
    first,
    async (read) => {
      const spec = (await read('spec.dump')) ?? new Uint8Array();
      const edited = editSpecDump(spec, {
        annotations: new Map([['io.kubernetes.cri.container-name', 'edited']]),
      });
      return new Map([['spec.dump', edited ?? spec]]);
    },
    async () => {},
  );
  // The digests of the archive do not know of this edit, which another program would not have noted either.
  await assert.rejects(convert(first, join(folder, 'no.tar'), 'podman'), (error) =>
    isCoded(error, 'corrupt'),
  );
  assert.deepEqual(readdirSync(folder), ['first.tar']);
});

test('convertArchive + a bundle that is none, and one without an image, are named', async (t) => {
  const folder = scratch(t);
  const output = join(folder, 'out.tar');
  const images = join(folder, 'images');
  mkdirSync(images);
  const from = (bundle: string, image?: string) => convert(images, output, 'stasis', { bundle, image });
  await assert.rejects(
    from(folder),
    (error) => isCoded(error, 'invalid-argument') && /--image/.test(error.hint ?? ''),
  );
  await assert.rejects(
    from(folder, 'x:1'),
    (error) => isCoded(error, 'not-found') && /config\.json/.test(error.message),
  );
  writeFileSync(join(folder, 'config.json'), '[]');
  await assert.rejects(from(folder, 'x:1'), (error) => isCoded(error, 'corrupt'));
  writeFileSync(join(folder, 'config.json'), '{}');
  await assert.rejects(
    from(folder, 'x:1'),
    (error) => isCoded(error, 'not-found') && /inventory\.img/.test(error.message),
  );
  assert.deepEqual(readdirSync(folder).sort(), ['config.json', 'images']);
});

test('convertArchive + refuses what cannot become anything, and leaves nothing behind', async (t) => {
  const folder = scratch(t);
  const output = join(folder, 'out.tar');
  const archive = join(folder, 'in.tar');
  copyFileSync(join(fixtures, 'containerd-2.1.9/crun.tar'), archive);
  await assert.rejects(convert(archive, archive, 'podman'), (error) => isCoded(error, 'invalid-argument'));
  await assert.rejects(
    convertArchive(archive, output, { target: 'podman' }),
    (error) => isCoded(error, 'failed-precondition') && /--image-id/.test(error.hint ?? ''),
  );
  await assert.rejects(
    convert(archive, output, 'podman', { name: '../x' }),
    (error) => isCoded(error, 'invalid-argument') && /--name/.test(error.hint ?? ''),
  );
  const whole = readFileSync(archive);
  writeFileSync(archive, whole.subarray(0, whole.length >> 1));
  await assert.rejects(convert(archive, output, 'stasis'), (error) => isCoded(error, 'corrupt'));
  assert.deepEqual(readdirSync(folder), ['in.tar']);
});
