import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { writeFrames } from '../src/archive/frames-writer.ts';
import { writeTar } from '../src/archive/tar-writer.ts';
import type { Checkpoint } from '../src/checkpoint/checkpoint.ts';
import { readReport } from '../src/inspect/report.ts';
import { sectionNames } from '../src/inspect/sections.ts';
import { buildImage } from '../src/localfs/build-image.ts';
import { codec } from '../src/localfs/codec.ts';
import { openCheckpoint } from '../src/localfs/open-checkpoint.ts';
import { folderFor } from './runtime.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures/archives');

/** The samples that engines made; images alone say nothing of a container. */
const samples = readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tar(\.gz|\.zst)?$/.test(name) && !/oci|crun-1\.28|runc-1\.3\.6/.test(name))
  .sort();

/** Everything that is said about a checkpoint, but for where it lies. */
async function everything(path: string): Promise<string> {
  const checkpoint = await openCheckpoint(path);
  try {
    const all = { processes: true, args: true, environment: true, statistics: true, mounts: true };
    const report = await readReport(checkpoint, { ...all, sections: sectionNames, codec });
    const text = JSON.stringify(report, (_, value) => {
      if (typeof value === 'bigint') return `${value}n`;
      return value instanceof Map ? Object.fromEntries(value) : value;
    });
    return text.replaceAll(path, 'PATH');
  } finally {
    await checkpoint.close();
  }
}

async function* membersOf(checkpoint: Checkpoint) {
  for await (const { member, content } of checkpoint.stream()) yield { ...member, content: content() };
}

/** The sample as a plain tar, written anew. */
async function plain(path: string): Promise<Buffer> {
  const checkpoint = await openCheckpoint(path);
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(membersOf(checkpoint))) pieces.push(piece);
  await checkpoint.close();
  return Buffer.concat(pieces);
}

async function seekable(path: string, compression: 'gzip' | 'zstd'): Promise<Buffer> {
  const checkpoint = await openCheckpoint(path);
  const pieces: Uint8Array[] = [];
  for await (const piece of writeFrames(membersOf(checkpoint), { compression, codec })) pieces.push(piece);
  await checkpoint.close();
  return Buffer.concat(pieces);
}

for (const sample of samples) {
  test(`readReport + ${sample}: the same through every packing`, async (t) => {
    const folder = folderFor(t, 'law');
    const tar = await plain(join(fixtures, sample));
    const put = (name: string, bytes: Uint8Array): string => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    };
    const plainPath = put('plain.tar', tar);
    const expected = await everything(plainPath);
    const directory = join(folder, 'directory');
    mkdirSync(directory);
    execFileSync('tar', ['-xf', plainPath, '-C', directory]);
    const image = join(folder, 'image.tar');
    await buildImage({ checkpoint: plainPath, image: 'law', target: { kind: 'archive', path: image } });
    const paths = [
      join(fixtures, sample),
      put('gzip', gzipSync(tar)),
      put('zstd', zstdCompressSync(tar)),
      put('seekable.gz', await seekable(plainPath, 'gzip')),
      put('seekable.zst', await seekable(plainPath, 'zstd')),
      directory,
      image,
    ];
    for (const path of paths) assert.equal(await everything(path), expected, basename(path));
  });
}

test('the law + runs over samples of several engines', () => {
  assert.ok(samples.length >= 6);
});
