import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
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
import { archives, committedReport, goldenReports, reportOf, samples } from './golden-reports.ts';
import { folderFor } from './runtime.ts';

/** Everything that is said about a checkpoint, but for where it lies. */
async function everything(path: string, blocking = false): Promise<string> {
  const checkpoint = await openCheckpoint(path, { blocking });
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
  test(`readReport + ${sample}: the same through every packing, and what was committed`, async (t) => {
    const folder = folderFor(t, 'law');
    const tar = await plain(join(archives, sample));
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
      join(archives, sample),
      put('gzip', gzipSync(tar)),
      put('zstd', zstdCompressSync(tar)),
      put('seekable.gz', await seekable(plainPath, 'gzip')),
      put('seekable.zst', await seekable(plainPath, 'zstd')),
      directory,
      image,
    ];
    for (const path of paths) {
      for (const blocking of [false, true])
        assert.equal(await everything(path, blocking), expected, basename(path));
      for (const [file, line] of goldenReports(sample)) {
        assert.equal(await reportOf(line, path), committedReport(file), `${file} through ${basename(path)}`);
      }
    }
  });
}

test('the law + runs over samples of several engines', () => {
  assert.ok(samples.length >= 6);
});
