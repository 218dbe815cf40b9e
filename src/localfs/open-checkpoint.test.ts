import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { writeFrames } from '../archive/frames-writer.ts';
import { resolveLimits } from '../archive/limits.ts';
import { indexTar, openEntry } from '../archive/tar-index.ts';
import { type NewMember, writeTar } from '../archive/tar-writer.ts';
import { type ByteSource, bytesSource } from '../bytes/byte-source.ts';
import { utf8 } from '../bytes/text.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openArchive } from '../checkpoint/from-archive.ts';
import { readIdentity } from '../checkpoint/identity.ts';
import { isCoded } from '../errors/coded-error.ts';
import { codec } from './codec.ts';
import { blockingCodec } from './late-codec.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { sha256Of } from './sha256.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');
const samples = {
  podman: () => zstdDecompressSync(readFileSync(join(fixtures, 'podman-5.8.6-crun-zstd.tar'))),
  'CRI-O': () => readFileSync(join(fixtures, 'crio-1.37-runc.tar')),
  containerd: () => readFileSync(join(fixtures, 'containerd-2.1.9-crun.tar')),
} as const;

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'open-checkpoint-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Digests of everything, read member by member. */
async function digests(checkpoint: Checkpoint): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  await checkpoint.prepare({ keep: () => 'all' });
  for (const { name } of (await checkpoint.members()).files) {
    found[name] = sha256Of(await checkpoint.read(name));
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The same as a stream. */
async function streamedDigests(checkpoint: Checkpoint): Promise<Record<string, string>> {
  const found: [string, string][] = [];
  for await (const { member, content } of checkpoint.stream()) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content()) pieces.push(piece);
    found.push([member.name, sha256Of(Buffer.concat(pieces))]);
  }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function packed(tar: Uint8Array, compression: 'gzip' | 'zstd'): Promise<Buffer> {
  const from = bytesSource(tar);
  const members = (await indexTar(from)).entries.map((entry) => ({ entry, from }));
  const pieces: Uint8Array[] = [];
  for await (const piece of writeFrames(members, { compression, codec })) pieces.push(piece);
  return Buffer.concat(pieces);
}

for (const [engine, bytes] of Object.entries(samples)) {
  test(`openCheckpoint + ${engine}: the same members in every packing`, async (t) => {
    const folder = scratch(t);
    const tar = bytes();
    const paths: Record<string, string> = {};
    const put = (format: string, content: Uint8Array) => {
      const path = join(folder, format.replaceAll(/\W/g, '-'));
      writeFileSync(path, content);
      paths[format] = path;
    };
    put('tar', tar);
    put('tar+gzip', gzipSync(tar));
    put('tar+zstd', zstdCompressSync(tar));
    put('tar+gzip, seekable', await packed(tar, 'gzip'));
    put('tar+zstd, seekable', await packed(tar, 'zstd'));
    paths['directory'] = join(folder, 'directory');
    mkdirSync(paths['directory']);
    execFileSync('tar', ['-xf', paths['tar'] ?? '', '-C', paths['directory']]);
    let expected: Record<string, string> | undefined;
    const ways = Object.entries(paths).flatMap(([format, path]) =>
      [false, true].map((blocking) => ({ format, path, blocking })),
    );
    for (const { format, path, blocking } of ways) {
      const checkpoint = await openCheckpoint(path, { blocking });
      assert.equal(checkpoint.format, format);
      const found = await digests(checkpoint);
      expected ??= found;
      assert.deepEqual(found, expected, format);
      assert.deepEqual(await streamedDigests(checkpoint), expected, format);
      await checkpoint.close();
    }
    assert.ok(expected?.['checkpoint/pstree.img']);
  });
}

for (const [name, way] of Object.entries({ codec, blockingCodec })) {
  for (const compression of ['gzip', 'zstd'] as const) {
    test(`openArchive + ${name}: once the members are known, identity takes the first bytes of ${compression}`, async () => {
      const plain: Uint8Array[] = [];
      const pages = randomBytes(16 << 20);
      const members = ['config.dump', 'spec.dump'].map((member) => ({
        name: member,
        content: utf8('{"id":"1"}'),
      }));
      for await (const piece of writeTar([...members, { name: 'checkpoint/pages-1.img', content: pages }]))
        plain.push(piece);
      const bytes = (compression === 'gzip' ? gzipSync : zstdCompressSync)(Buffer.concat(plain));
      let read = 0;
      const counted: ByteSource = {
        size: bytes.length,
        async read(offset, length) {
          read += length;
          return bytes.subarray(offset, offset + length);
        },
        async close() {},
      };
      const checkpoint = await openArchive(counted, { origin: 'x', codec: way });
      await checkpoint.members();
      assert.ok(read >= bytes.length, `${read} bytes of ${bytes.length}`);
      read = 0;
      assert.equal((await readIdentity(checkpoint)).id, '1');
      assert.ok(bytes.length > 16 << 20 && read <= 2 << 20, `${read} bytes of ${bytes.length}`);
      await checkpoint.close();
    });
  }
}

test('openCheckpoint + an OCI layout, as a tar and as a directory', async (t) => {
  const path = join(fixtures, 'podman-5.8.6-create-image.oci.tar');
  const folder = scratch(t);
  execFileSync('tar', ['-xf', path, '-C', folder]);
  const [a, b] = await Promise.all([openCheckpoint(path), openCheckpoint(folder)]);
  const found = await digests(a);
  assert.deepEqual(await digests(b), found);
  assert.ok(found['config.dump'] && found['checkpoint/pages-1.img']);
  await assert.rejects(openCheckpoint(path, { image: 'other:1' }), (error) => isCoded(error, 'not-found'));
  await a.close();
  await b.close();
});

async function tarOf(members: readonly NewMember[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(members)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** An OCI archive with these layers, each packed in its own way. */
async function layered(
  layers: readonly (readonly NewMember[])[],
  mediaType?: string,
  before: readonly NewMember[] = [],
): Promise<Buffer> {
  const packings = [(bytes: Buffer) => bytes, gzipSync, zstdCompressSync];
  const blobs: NewMember[] = [];
  const put = (bytes: Buffer, type: string) => {
    const hex = sha256Of(bytes);
    blobs.push({ name: `blobs/sha256/${hex}`, content: bytes });
    return { mediaType: type, digest: `sha256:${hex}`, size: bytes.length };
  };
  const listed = [];
  for (const [at, members] of layers.entries()) {
    const packed = packings[at % packings.length]?.(await tarOf(members)) ?? Buffer.alloc(0);
    listed.push(put(packed, mediaType ?? 'application/vnd.oci.image.layer.v1.tar'));
  }
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const config = put(json({}), 'application/vnd.oci.image.config.v1+json');
  const manifest = put(
    json({ schemaVersion: 2, config, layers: listed }),
    'application/vnd.oci.image.manifest.v1+json',
  );
  const index: NewMember = { name: 'index.json', content: json({ schemaVersion: 2, manifests: [manifest] }) };
  return tarOf([
    ...before,
    { name: 'oci-layout', content: json({ imageLayoutVersion: '1.0.0' }) },
    index,
    ...blobs,
  ]);
}

const text = (name: string, content: string): NewMember => ({ name, content: Buffer.from(content) });

test('openCheckpoint + an image of several layers: the upper one counts, whiteouts remove', async (t) => {
  const path = join(scratch(t), 'layers.tar');
  const layers = [
    [
      ...[text('config.dump', 'old'), text('spec.dump', 'kept'), text('checkpoint/core-1.img', 'gone')],
      ...[text('checkpoint/mm-1.img', 'mm'), text('volumes/a.tar', 'emptied'), text('file/below', 'covered')],
    ],
    [text('config.dump', 'middle'), text('checkpoint/.wh.core-1.img', ''), text('volumes/.wh..wh..opq', '')],
    [text('config.dump', 'new'), text('volumes/b.tar', 'b'), text('file', 'no folder any more')],
  ];
  writeFileSync(path, await layered(layers));
  const checkpoint = await openCheckpoint(path);
  t.after(() => checkpoint.close());
  const names = ['config.dump', 'volumes/b.tar', 'file', 'spec.dump', 'checkpoint/mm-1.img'];
  const { files, raw } = await checkpoint.members();
  assert.deepEqual(files.map(({ name }) => name).sort(), names.toSorted());
  assert.deepEqual(raw.map(({ name }) => name).sort(), names.toSorted());
  assert.equal(String(await checkpoint.read('config.dump')), 'new');
  assert.equal(String(await checkpoint.read('spec.dump')), 'kept');
  assert.equal(await checkpoint.find('checkpoint/core-1.img'), undefined);
  assert.deepEqual(Object.keys(await streamedDigests(checkpoint)).sort(), names.toSorted());
});

test('openCheckpoint + images that cannot be read say why', async (t) => {
  const folder = scratch(t);
  const refused = async (name: string, bytes: Buffer, reason: RegExp): Promise<void> => {
    writeFileSync(join(folder, name), bytes);
    const opening = openCheckpoint(join(folder, name)).then((one) => one.find('config.dump'));
    await assert.rejects(opening, (error) => isCoded(error, 'unsupported') && reason.test(error.message));
  };
  await refused('none.tar', await layered([]), /the image has 0 layers/);
  await refused(
    'other.tar',
    await layered([[]], 'application/x+encrypted'),
    /a layer is "application\/x\+encrypted"/,
  );
  // What is a checkpoint's and an image's at once is neither.
  const image = await layered([[]], undefined, [text('config.dump', '{}')]);
  await refused(
    'image.tar.gz',
    gzipSync(image),
    /packed with gzip, begins as a checkpoint and is an OCI image/,
  );
  await refused('image.tar.zst', zstdCompressSync(image), /packed with zstd, begins as a checkpoint/);
});

/** The files of an archive in another order. */
async function inOrder(bytes: Uint8Array, compare: (a: string, b: string) => number): Promise<Buffer> {
  const source = bytesSource(bytes);
  const entries = (await indexTar(source)).entries.filter(({ type }) => type === 'file');
  const members: NewMember[] = [];
  for (const entry of entries.toSorted((a, b) => compare(a.name, b.name))) {
    members.push({ name: entry.name, content: await openEntry(source, entry).read(0, entry.size) });
  }
  return tarOf(members);
}

const orders: Record<string, (a: string, b: string) => number> = {
  'its own files first': (a, b) => (a < b ? 1 : -1),
  'blobs first': (a, b) => (a < b ? -1 : 1),
  'another file first': (a, b) => Number(b === 'extra') - Number(a === 'extra') || (a < b ? -1 : 1),
};

for (const [order, compare] of Object.entries(orders)) {
  test(`openCheckpoint + an OCI layout that is packed as a whole, ${order}`, async (t) => {
    const folder = scratch(t);
    const plain = join(fixtures, 'podman-5.8.6-create-image.oci.tar');
    const expected = await openCheckpoint(plain);
    const found = await digests(expected);
    await expected.close();
    const added = (await tarOf([text('extra', 'x')])).subarray(0, 1024);
    const image = await inOrder(Buffer.concat([added, readFileSync(plain)]), compare);
    for (const [name, pack] of Object.entries({ gz: gzipSync, zst: zstdCompressSync })) {
      const path = join(folder, `image.tar.${name}`);
      writeFileSync(path, pack(image));
      // Blobs that do not fit into memory stream by.
      for (const keptBytes of [1 << 20, 20_000, 1]) {
        const limits = resolveLimits({ keptBytes });
        for (const blocking of [false, true]) {
          const checkpoint = await openCheckpoint(path, { blocking, limits });
          assert.deepEqual(await digests(checkpoint), found, `${name} with ${keptBytes}`);
          await checkpoint.close();
        }
      }
      await assert.rejects(openCheckpoint(path, { image: 'no:1' }), (error) => isCoded(error, 'not-found'));
      writeFileSync(path, pack(image).subarray(0, 5000));
      await assert.rejects(openCheckpoint(path), (error) => isCoded(error, 'corrupt'));
    }
  });
}

test('openCheckpoint + an image as docker save writes it, plain and packed', async (t) => {
  const folder = scratch(t);
  const lower = await tarOf([text('config.dump', 'old'), text('spec.dump', 'kept')]);
  const upper = await tarOf([text('config.dump', 'new')]);
  const image = (tag: string, layers: readonly string[]) => ({
    Config: 'c.json',
    RepoTags: [tag],
    Layers: layers,
  });
  const archive = (images: readonly unknown[]) =>
    tarOf([
      { name: 'aa.tar', content: lower },
      { name: 'bb/layer.tar', content: upper },
      text('c.json', '{}'),
      text('manifest.json', JSON.stringify(images)),
    ]);
  const bytes = await archive([
    image('localhost/ck:1', ['aa.tar', 'bb/layer.tar']),
    image('localhost/ck:2', ['aa.tar']),
  ]);
  const packings = { 'i.tar': (b: Buffer) => b, 'i.tar.gz': gzipSync, 'i.tar.zst': zstdCompressSync };
  for (const [name, pack] of Object.entries(packings)) {
    const path = join(folder, name);
    writeFileSync(path, pack(bytes));
    const both = await openCheckpoint(path, { image: 'localhost/ck:1' });
    assert.equal(String(await both.read('config.dump')), 'new');
    assert.equal(String(await both.read('spec.dump')), 'kept');
    await both.close();
    const one = await openCheckpoint(path, { image: 'localhost/ck:2' });
    assert.equal(String(await one.read('config.dump')), 'old');
    await one.close();
    await assert.rejects(openCheckpoint(path), (error) => isCoded(error, 'invalid-argument'));
    await assert.rejects(openCheckpoint(path, { image: 'x' }), (error) => isCoded(error, 'not-found'));
    for (const [wrong, code] of [
      [[image('a', [])], 'unsupported'],
      [[{ RepoTags: ['a'] }], 'corrupt'],
      [[image('a', ['absent.tar'])], 'not-found'],
    ] as const) {
      writeFileSync(path, pack(await archive(wrong)));
      await assert.rejects(openCheckpoint(path), (error) => isCoded(error, code), `${name}: ${code}`);
    }
  }
  // The name alone says nothing where a checkpoint is.
  writeFileSync(join(folder, 'i.tar'), await tarOf([text('manifest.json', '[]'), text('config.dump', '{}')]));
  const checkpoint = await openCheckpoint(join(folder, 'i.tar'));
  assert.equal(String(await checkpoint.read('config.dump')), '{}');
  await checkpoint.close();
});

test('openCheckpoint + a packed archive whose first file only looks like a blob', async (t) => {
  const path = join(scratch(t), 'checkpoint.tar.gz');
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar([text('blobs/x', 'x'), text('config.dump', '{}')])) pieces.push(piece);
  writeFileSync(path, gzipSync(Buffer.concat(pieces)));
  const checkpoint = await openCheckpoint(path);
  assert.equal(String(await checkpoint.read('config.dump')), '{}');
  await checkpoint.close();
});

test('openCheckpoint + CRIU images by themselves, without following links', async (t) => {
  const folder = scratch(t);
  writeFileSync(join(folder, 'inventory.img'), 'i');
  writeFileSync(join(folder, 'stats-dump'), 's');
  symlinkSync('/etc/passwd', join(folder, 'core-1.img'));
  const checkpoint = await openCheckpoint(folder);
  const { files, raw } = await checkpoint.members();
  assert.deepEqual(
    files.map(({ name }) => name),
    ['checkpoint/inventory.img', 'stats-dump'],
  );
  assert.deepEqual(
    raw.filter(({ type }) => type === 'symlink').map(({ name, linkName }) => [name, linkName]),
    [['checkpoint/core-1.img', '/etc/passwd']],
  );
  await assert.rejects(checkpoint.read('checkpoint/core-1.img'), (error) => isCoded(error, 'not-found'));
});

test('openCheckpoint + what is packed otherwise is refused by name', async (t) => {
  const folder = scratch(t);
  for (const tool of ['xz', 'bzip2'] as const) {
    const path = join(folder, tool);
    writeFileSync(path, execFileSync(tool, ['-c'], { input: 'x' }));
    await assert.rejects(
      openCheckpoint(path),
      (error) => isCoded(error, 'unsupported') && error.message.includes(tool),
    );
  }
});

const cli = join(import.meta.dirname, 'open-checkpoint.ts');

/** What a program of its own sees on its standard input. */
function namesFromStandardInput(command: string): string[] {
  const script = `import { openCheckpoint } from ${JSON.stringify(cli)};
    const checkpoint = await openCheckpoint('-');
    const { files } = await checkpoint.members();
    console.log(JSON.stringify(files.map(({ name }) => name)));
    await checkpoint.close();`;
  const node = `'${process.execPath}' --input-type=module-typescript -e '${script.replaceAll("'", '"')}'`;
  return JSON.parse(execFileSync('sh', ['-c', command.replace('NODE', node)], { encoding: 'utf8' }));
}

test('openCheckpoint + standard input, as a file and through a pipe', async () => {
  const path = join(fixtures, 'crio-1.37-runc.tar');
  const checkpoint = await openCheckpoint(path);
  const names = (await checkpoint.members()).files.map(({ name }) => name);
  await checkpoint.close();
  assert.deepEqual(namesFromStandardInput(`NODE < '${path}'`), names);
  assert.deepEqual(namesFromStandardInput(`cat '${path}' | NODE`), names);
  assert.deepEqual(namesFromStandardInput(`gzip -c '${path}' | NODE`), names);
});
