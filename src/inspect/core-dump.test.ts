import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFixture } from '../../test/fixture-archives.ts';
import { folderFor, needsRuntime } from '../../test/runtime.ts';
import { FileTable } from '../criu/file-table.ts';
import { isCoded } from '../errors/coded-error.ts';
import { coreDump } from './core-dump.ts';
import { imagesOf } from './images.ts';
import { processDetails } from './process-details.ts';

async function writeCore(archive: string, pid: number, path: string): Promise<void> {
  const checkpoint = await openFixture(archive);
  const core = await coreDump(await imagesOf(checkpoint), pid);
  const file = await open(path, 'w', 0o600);
  try {
    for await (const { offset, bytes } of core.parts()) await file.write(bytes, 0, bytes.length, offset);
    await file.truncate(core.size);
  } finally {
    await file.close();
    await core.close();
    await checkpoint.close();
  }
}

function gdb(core: string, ...commands: readonly string[]): string {
  const args = ['-batch', '-nx', ...commands.flatMap((one) => ['-ex', one])];
  const run = spawnSync('gdb', [...args, '-core', core], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout + run.stderr;
}

test('coreDump: gdb sees every thread with its registers', needsRuntime, async (t) => {
  const path = join(folderFor(t, 'core'), 'core.1');
  await writeCore('crun-1.28-tasks.tar', 1, path);
  const text = gdb(
    path,
    'info threads',
    'thread apply all print/x $rip',
    'thread apply all print/x $fs_base',
    'print $mxcsr',
    'print $ymm0',
    'info auxv',
  );
  assert.doesNotMatch(text, /warning: (?!Can't open file .bin.tasks|Unable to find libthread_db)/i);
  const checkpoint = await openFixture('crun-1.28-tasks.tar');
  t.after(() => checkpoint.close());
  const images = await imagesOf(checkpoint);
  const [details] = await processDetails(images, await FileTable.read(images));
  assert.equal(details?.threads.length, 4);
  for (const { registers, tid } of details?.threads ?? []) {
    assert.match(text, new RegExp(`LWP ${tid}\\b`));
    assert.ok(text.includes(`0x${registers?.instructionPointer?.toString(16)}`));
    const base = registers?.registers.find(({ name }) => name === 'fs_base')?.value;
    assert.ok(text.includes(`0x${base?.toString(16)}`));
  }
  assert.match(text, /AT_ENTRY/);
  assert.match(text, /v8_float|v4_double/);
});

test('coreDump: gdb reads private, shared and System V memory', needsRuntime, async (t) => {
  const path = join(folderFor(t, 'core'), 'core.1');
  await writeCore('crun-1.28-memory.tar', 1, path);
  const checkpoint = await openFixture('crun-1.28-memory.tar');
  t.after(() => checkpoint.close());
  const { memoryMap } = await import('./memory-map.ts');
  const images = await imagesOf(checkpoint);
  const map = await memoryMap(images, await FileTable.read(images), 1);
  const at = (name: string, offset = 0): string => {
    const range = map?.ranges.find((one) => one.name === name && one.rights.startsWith('rw'));
    return `x/s 0x${((range?.start ?? 0n) + BigInt(offset)).toString(16)}`;
  };
  const text = gdb(
    path,
    at('memfd:sealed box'),
    at('[System V 1]'),
    at('[anon shared 153]', 4096),
    'info proc mappings',
  );
  assert.match(text, /"inside the sealed box"/);
  assert.match(text, /"System V segment 2"/);
  assert.match(text, /\/bin\/memory/);
});

test('coreDump: dead, missing', async (t) => {
  const checkpoint = await openFixture('crun-1.28-tasks.tar');
  t.after(() => checkpoint.close());
  const images = await imagesOf(checkpoint);
  await assert.rejects(coreDump(images, 2), (error) => isCoded(error, 'failed-precondition'));
  await assert.rejects(coreDump(images, 99), (error) => isCoded(error, 'not-found'));
});
