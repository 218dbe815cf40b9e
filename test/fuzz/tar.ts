import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveLimits } from '../../src/archive/limits.ts';
import { plainName } from '../../src/archive/member-name.ts';
import { indexTar, openEntry } from '../../src/archive/tar-index.ts';
import { streamTar } from '../../src/archive/tar-stream.ts';
import { writeTar } from '../../src/archive/tar-writer.ts';
import { bytesSource, readChunks } from '../../src/bytes/byte-source.ts';
import { concat } from '../../src/bytes/concat.ts';
import { utf8 } from '../../src/bytes/text.ts';
import { validateMembers } from '../../src/checkpoint/validate.ts';
import { messageOf } from '../../src/errors/coded-error.ts';
import { sha256Of } from '../../src/localfs/sha256.ts';

const limits = resolveLimits({
  members: 1000,
  totalBytes: 1 << 24,
  sparseSegments: 1000,
  headerBytes: 1 << 16,
});

/** Reads from a file and from a stream; both must see the same members and bytes, or refuse alike. */
export async function target(bytes: Uint8Array): Promise<void> {
  const source = bytesSource(bytes);
  const [indexed, streamed] = await Promise.allSettled([fromFile(), fromStream()]);
  async function fromFile() {
    const index = await indexTar(source, { limits, readAhead: bytes.length % 3 === 0 ? 0 : 4096 });
    validateMembers(index.entries);
    const found: string[] = [];
    for (const entry of index.entries) {
      const content = entry.type === 'file' ? await digest(readChunks(openEntry(source, entry), 1000)) : '';
      found.push(`${entry.type} ${plainName(entry.name)} ${entry.size} ${content}`);
    }
    return found;
  }
  async function fromStream() {
    const found: string[] = [];
    for await (const { entry, content } of streamTar(readChunks(source, 777), { limits })) {
      const seen = entry.type === 'file' ? await digest(content()) : '';
      found.push(`${entry.type} ${plainName(entry.name)} ${entry.size} ${seen}`);
    }
    return found;
  }
  if (indexed.status === 'rejected') {
    if (streamed.status === 'fulfilled')
      throw new Error(`only the index refused: ${messageOf(indexed.reason)}`);
    throw indexed.reason;
  }
  if (streamed.status === 'rejected') throw new Error('only the stream refused', { cause: streamed.reason });
  assert.deepEqual(streamed.value, indexed.value);
}

async function digest(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return sha256Of(concat(all));
}

export async function seeds(): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  const members = [
    { name: 'config.dump', content: utf8('{}') },
    { name: 'checkpoint/', type: 'directory' as const },
    { name: `checkpoint/${'n'.repeat(200)}`, content: utf8('x'.repeat(700)), xattrs: { 'user.a': 'b' } },
    { name: 'hard', type: 'hardlink' as const, linkName: 'config.dump' },
    { name: 'link', type: 'symlink' as const, linkName: 'config.dump' },
    { name: 'last', content: utf8('y'), mtime: 1.25 },
  ];
  for await (const piece of writeTar(members)) pieces.push(piece);
  return [concat(pieces), ...byGnuTar()];
}

function byGnuTar(): Uint8Array[] {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-tar-'));
  try {
    const file = openSync(join(folder, 'holes'), 'w');
    for (let i = 0; i < 8; i++) writeSync(file, 'data', i * 65536);
    ftruncateSync(file, 1_000_000);
    writeFileSync(join(folder, 'm'.repeat(120)), 'long name');
    return ['gnu', 'pax'].map((format) =>
      execFileSync('tar', ['-b2', `--format=${format}`, '-S', '-cf', '-', '.'], { cwd: folder }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
