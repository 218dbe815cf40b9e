import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFixture } from '../../test/fixture-archives.ts';
import { madeImageSet, memoryMap, pstree } from '../../test/made-images.ts';
import { folderFor, needsRuntime } from '../../test/runtime.ts';
import { FileTable } from '../criu/file-table.ts';
import { isCoded } from '../errors/coded-error.ts';
import { type CoreFile, coreDump } from './core-dump.ts';
import { imagesOf } from './images.ts';
import { processDetails } from './process-details.ts';

async function writeCore(archive: string, pid: number, path: string): Promise<void> {
  const checkpoint = await openFixture(archive);
  try {
    await writeParts(await coreDump(await imagesOf(checkpoint), pid), path);
  } finally {
    await checkpoint.close();
  }
}

async function writeParts(core: CoreFile, path: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    for await (const { offset, bytes } of core.parts()) await file.write(bytes, 0, bytes.length, offset);
    await file.truncate(core.size);
  } finally {
    await file.close();
    await core.close();
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

/** A process with two threads on aarch64, with pages of 64 KiB. */
function aarch64Images() {
  const core = (tid: number, comm: string) => ({
    magic: 'CORE',
    entries: [
      {
        mtype: 'AARCH64',
        ti_aarch64: {
          ...{ clear_tid_addr: 0, tls: 0x7700 + tid },
          gpregs: {
            regs: Array.from({ length: 31 }, (_, at) => tid * 1000 + at),
            ...{ sp: 0x20100, pc: 0x10040, pstate: 0x60000000 },
          },
          fpsimd: { vregs: Array.from({ length: 64 }, (_, at) => at), fpsr: 1, fpcr: 2 },
        },
        tc: { task_state: 1, exit_code: 0, personality: 0, flags: 0, blk_sigset: 0, comm },
      },
    ],
  });
  const [size, prot] = [1 << 16, 5];
  const vma = { pgoff: 0, shmid: 0, flags: 0x22, status: 0x201, fd: -1 };
  const code = { ...vma, start: size, end: 2 * size, prot };
  return madeImageSet({
    'pstree.img': pstree({ pid: 7, threads: [7, 8] }),
    'core-7.img': core(7, 'far away'),
    'core-8.img': core(8, 'second'),
    'mm-7.img': memoryMap({
      mm_saved_auxv: [6, size, 33, 0x30000, 0, 0],
      vmas: [code, { ...vma, start: 2 * size, end: 3 * size, prot: 3 }],
    }),
    'pagemap-7.img': { magic: 'PAGEMAP', entries: [{ pages_id: 1 }, { vaddr: size, compat_nr_pages: 1 }] },
    // Instructions: nop, everywhere.
    'pages-1.img': new Uint8Array(new Uint32Array(size / 4).fill(0xd503201f).buffer),
  });
}

test('coreDump: aarch64 with its registers, thread pointers and large pages', needsRuntime, async (t) => {
  const path = join(folderFor(t, 'core'), 'core.7');
  await writeParts(await coreDump(aarch64Images(), 7), path);
  const { stdout, stderr, status } = spawnSync('readelf', ['-hlnW', path], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /Machine: +AArch64/);
  assert.match(stdout, /LOAD +0x010000 0x0+10000 0x0+ 0x010000 0x010000 R E 0x10000/);
  const notes = [...stdout.matchAll(/^ +(?:CORE|LINUX) +0x0*([0-9a-f]+)\s+(\w+)/gm)].map(([, size, type]) => [
    type,
    Number.parseInt(size ?? '', 16),
  ]);
  assert.deepEqual(
    notes.filter(([type]) => type !== 'NT_AUXV' && type !== 'NT_FILE'),
    [
      ['NT_PRSTATUS', 392],
      ['NT_PRPSINFO', 136],
      ['NT_SIGINFO', 128],
      ['NT_FPREGSET', 528],
      ['NT_ARM_TLS', 8],
      ['NT_PRSTATUS', 392],
      ['NT_FPREGSET', 528],
      ['NT_ARM_TLS', 8],
    ],
  );
});

test('coreDump: dead, missing', async (t) => {
  const checkpoint = await openFixture('crun-1.28-tasks.tar');
  t.after(() => checkpoint.close());
  const images = await imagesOf(checkpoint);
  await assert.rejects(coreDump(images, 2), (error) => isCoded(error, 'failed-precondition'));
  await assert.rejects(coreDump(images, 99), (error) => isCoded(error, 'not-found'));
});
