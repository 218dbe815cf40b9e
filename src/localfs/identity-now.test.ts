import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { folderFor, project } from '../../test/runtime.ts';
import { defaultLimits, resolveLimits } from '../archive/limits.ts';
import { readIdentity } from '../checkpoint/identity.ts';
import { identityNow } from './identity-now.ts';
import { openCheckpoint } from './open-checkpoint.ts';

const samples = ['podman-5.8.6', 'containerd-2.1.9'].flatMap((engine) => {
  const folder = join(project, 'fixtures/archives', engine);
  return readdirSync(folder)
    .filter((name) => name.includes('.tar'))
    .map((name) => join(folder, name));
});
const plain = join(project, 'fixtures/archives/podman-5.8.6/crun.tar');

async function ordinary(path: string) {
  const checkpoint = await openCheckpoint(path);
  try {
    return await readIdentity(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

for (const path of samples) {
  test(`identityNow says what the ordinary way says of ${path.slice(project.length)}`, async () => {
    assert.deepEqual(identityNow(path, defaultLimits), await ordinary(path));
  });
}

test('identityNow has nothing to say of archives that are cut off, damaged or beyond the limits', (t) => {
  const folder = folderFor(t);
  const bytes = readFileSync(plain);
  const damaged = Buffer.from(bytes);
  damaged.fill(0x41, 3000, 3600);
  const cases: Record<string, Uint8Array> = {
    empty: new Uint8Array(0),
    cut: bytes.subarray(0, bytes.length >> 1),
    'cut.gz': gzipSync(bytes).subarray(0, 4000),
    'cut.zst': zstdCompressSync(bytes).subarray(0, 4000),
    damaged,
    'damaged.gz': gzipSync(damaged),
    'bomb.gz': gzipSync(Buffer.alloc(64 << 20)),
    'bomb.zst': zstdCompressSync(Buffer.alloc(64 << 20)),
  };
  for (const [name, content] of Object.entries(cases)) {
    const path = join(folder, name);
    writeFileSync(path, content);
    assert.equal(identityNow(path, defaultLimits), undefined, name);
  }
  assert.equal(identityNow(plain, resolveLimits({ members: 3 })), undefined);
  assert.equal(identityNow(folder, defaultLimits), undefined);
  assert.equal(identityNow(join(folder, 'absent'), defaultLimits), undefined);
});

/** Podman's members, and then containerd's of the same names. */
function twice(): Buffer {
  const one = readFileSync(plain);
  const other = readFileSync(join(project, 'fixtures/archives/containerd-2.1.9/crun.tar'));
  // Without its end mark the first archive is the beginning of the second.
  let end = one.length;
  while (one.subarray(end - 512, end).every((byte) => byte === 0)) end -= 512;
  return Buffer.concat([one.subarray(0, end), other]);
}

test('identityNow takes the last of several members of one name, as every reader does', async (t) => {
  const folder = folderFor(t);
  const bytes = twice();
  const cases: Record<string, Uint8Array> = {
    'twice.tar': bytes,
    'twice.tar.gz': gzipSync(bytes),
    'twice.tar.zst': zstdCompressSync(bytes),
    'pieces.tar.gz': Buffer.concat([gzipSync(bytes.subarray(0, 4096)), gzipSync(bytes.subarray(4096))]),
  };
  for (const [name, content] of Object.entries(cases)) {
    const path = join(folder, name);
    writeFileSync(path, content);
    const found = identityNow(path, defaultLimits);
    assert.equal(found?.engine, 'containerd', name);
    assert.deepEqual(found, await ordinary(path), name);
  }
});

test('identityNow leaves to the ordinary way what it cannot unpack whole, and that takes the last as well', async (t) => {
  const folder = folderFor(t);
  const bytes = twice();
  const boundary = bytes.indexOf('spec.dump') & ~511;
  const cases: Record<string, Uint8Array> = {
    // The platform's decoder would stop after the first frame, at the end of a member.
    'frames.tar.zst': Buffer.concat([
      zstdCompressSync(bytes.subarray(0, boundary)),
      zstdCompressSync(bytes.subarray(boundary)),
    ]),
    'long.tar.gz': gzipSync(bytes, { level: 0 }),
  };
  assert.ok((cases['long.tar.gz']?.length ?? 0) > 512 << 10);
  for (const [name, content] of Object.entries(cases)) {
    const path = join(folder, name);
    writeFileSync(path, content);
    assert.equal(identityNow(path, defaultLimits), undefined, name);
    assert.equal((await ordinary(path)).engine, 'containerd', name);
  }
});
