import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { type TarMember, writeTar } from '../archive/tar-writer.ts';
import { utf8 } from '../bytes/text.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { isCoded } from '../errors/coded-error.ts';
import { buildImage } from './build-image.ts';
import { openCheckpoint } from './open-checkpoint.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');
const podman = join(fixtures, 'podman-5.8.6-crun-zstd.tar');
const crio = join(fixtures, 'crio-1.37-runc.tar');

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'build-image-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function contents(checkpoint: Checkpoint): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { member, content } of checkpoint.stream()) {
    const hash = createHash('sha256');
    for await (const piece of content()) hash.update(piece);
    found.set(member.name, hash.digest('hex'));
  }
  await checkpoint.close();
  return found;
}

for (const path of [podman, crio]) {
  test(`buildImage + ${path.split('/').at(-1)}: the image opens as the same checkpoint, twice the same`, async (t) => {
    const folder = scratch(t);
    const image = 'registry.example:5000/team/ck:1';
    const archive = join(folder, 'a.tar');
    const directory = join(folder, 'layout');
    const [a, b] = [
      await buildImage({ checkpoint: path, image, target: { kind: 'archive', path: archive } }),
      await buildImage({ checkpoint: path, image, target: { kind: 'directory', path: directory } }),
    ];
    assert.deepEqual(a, b);
    assert.equal(statSync(archive).mode & 0o777, 0o600);
    const expected = await contents(await openCheckpoint(path));
    assert.deepEqual(await contents(await openCheckpoint(archive, { image })), expected);
    assert.deepEqual(await contents(await openCheckpoint(directory)), expected);
  });
}

test('buildImage + digests, sizes and annotations hold together', async (t) => {
  const folder = join(scratch(t), 'layout');
  const built = await buildImage({
    checkpoint: podman,
    image: 'ck',
    target: { kind: 'directory', path: folder },
  });
  const blobs = readdirSync(join(folder, 'blobs/sha256'));
  assert.equal(blobs.length, 3);
  for (const name of blobs) {
    assert.equal(digestOf(readFileSync(join(folder, 'blobs/sha256', name))), `sha256:${name}`);
  }
  const json = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const blob = (digest: string) => `blobs/sha256/${digest.slice(7)}`;
  const index = json('index.json');
  const [pointer] = index.manifests;
  const manifest = json(blob(pointer.digest));
  const config = json(blob(manifest.config.digest));
  assert.equal(pointer.digest, built.digest);
  assert.equal(pointer.annotations['org.opencontainers.image.ref.name'], 'localhost/ck:latest');
  for (const descriptor of [pointer, manifest.config, manifest.layers[0]]) {
    assert.equal(statSync(join(folder, blob(descriptor.digest))).size, descriptor.size);
  }
  assert.equal(manifest.layers[0].mediaType, 'application/vnd.oci.image.layer.v1.tar+zstd');
  assert.deepEqual(config.rootfs.diff_ids, [digestOf(zstdDecompressSync(readFileSync(podman)))]);
  assert.equal(config.architecture, 'amd64');
  assert.deepEqual(index.annotations, manifest.annotations);
  assert.deepEqual(built.basic, {
    'org.criu.checkpoint.engine.name': 'Podman',
    'org.criu.checkpoint.container.name': 'pc',
    'org.criu.checkpoint.pod.name': '',
    'org.criu.checkpoint.pod.namespace': '',
    'org.criu.checkpoint.rootfsImageUserRequested': 'test.local/bb:1',
    'org.criu.checkpoint.rootfsImageName': 'test.local/bb:1',
    'org.criu.checkpoint.rootfsImageID': '3d8c4455bee198dce10eab31511fb0c62400dafa9a9f23bde850ebde8d596411',
    'org.criu.checkpoint.runtime.name': '/tmp/research/scripts/oci-nores-crun',
  });
  assert.equal(manifest.annotations['io.kubernetes.cri-o.annotations.checkpoint.name'], 'pc');
  assert.equal(manifest.annotations['io.podman.annotations.checkpoint.name'], 'pc');
  await assert.rejects(
    buildImage({ checkpoint: podman, image: 'ck', target: { kind: 'directory', path: folder } }),
    (error) => isCoded(error, 'already-exists'),
  );
});

test('buildImage + dangerous, damaged and foreign archives leave nothing behind', async (t) => {
  const folder = scratch(t);
  const source = join(folder, 'bad.tar');
  const good = readFileSync(crio);
  const pieces: Uint8Array[] = [];
  const evil: TarMember[] = [{ name: 'checkpoint/../../etc/cron.d/x', content: utf8('x') }];
  for await (const piece of writeTar(evil)) pieces.push(piece);
  for (const bytes of [
    Buffer.concat([...pieces.slice(0, -1), good]),
    good.subarray(0, 100_000),
    utf8('hello'),
  ]) {
    writeFileSync(source, bytes);
    for (const kind of ['archive', 'directory'] as const) {
      const target = { kind, path: join(folder, 'out') };
      await assert.rejects(buildImage({ checkpoint: source, image: 'ck', target }), (error) =>
        isCoded(error, 'corrupt'),
      );
    }
    assert.deepEqual(readdirSync(folder), ['bad.tar']);
  }
  await assert.rejects(
    buildImage({ checkpoint: crio, image: 'Not A Name', target: { kind: 'archive', path: source } }),
    (error) => isCoded(error, 'invalid-argument'),
  );
});
