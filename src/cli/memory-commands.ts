import { FileTable } from '../criu/file-table.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { Memory } from '../criu/pages.ts';
import { CodedError } from '../errors/coded-error.ts';
import { type CoreFile, type CoreOptions, type CorePart, coreDump } from '../inspect/core-dump.ts';
import { memoryMap } from '../inspect/memory-map.ts';
import { searchMemory } from '../inspect/memory-search.ts';
import { listProcesses } from '../inspect/process-tree.ts';
import { AtomicFile } from '../localfs/atomic-file.ts';
import { UsageError } from './command.ts';
import type { Console } from './console.ts';
import { hexdump } from './hexdump.ts';
import { printable, quote } from './output/escape.ts';
import { byteText } from './output/quantities.ts';
import { latin1, pidOf } from './search-checkpoint.ts';
import { withImages } from './with-images.ts';

export async function printStrings(
  path: string,
  flags: { length: number; pid: readonly string[] },
  console: Console,
): Promise<void> {
  if (flags.length < 1) throw new UsageError('--length is at least 1');
  const pids = flags.pid.map(pidOf);
  const source = `[\\t\\x20-\\x7e]{${flags.length},}`;
  await withImages(path, console, async (images) => {
    const options = { context: 0, latin1, signal: console.signal, ...(pids.length > 0 ? { pids } : {}) };
    for await (const { pid, segment, address, match } of searchMemory(images, {
      ...options,
      patterns: [{ kind: 'regex', source }],
    })) {
      const place = pid === undefined ? `segment-${segment}` : String(pid);
      console.out.write(`${place} ${address.toString(16).padStart(16, '0')} ${latin1(match)}\n`);
    }
  });
}

export interface Place {
  pid: number;
  range: string;
  map: string;
}

interface Stretch {
  start: bigint;
  end: bigint;
}

export async function printHexdump(path: string, flags: Place, console: Console): Promise<void> {
  await withMemory(path, flags, console, async (memory, stretches) => {
    for (const { start, end } of stretches) {
      const lines = hexdump(memory, { collapse: true, from: start, to: end, signal: console.signal });
      for await (const text of lines) console.out.write(text);
    }
  });
}

export async function writeMemory(
  path: string,
  flags: Place & { output: string },
  console: Console,
): Promise<void> {
  if (flags.output === '') throw new UsageError('give --output, the file to write');
  await withStretch(path, flags, console, async (stretch) => {
    const file = await AtomicFile.create(flags.output);
    try {
      await writeParts(file, stretch, console.signal);
    } catch (error) {
      await file.discard();
      throw error;
    }
    await file.commit();
    const { size, missing } = stretch;
    const zeros = missing > 0n ? `, ${byteText(missing)} of them not in the checkpoint: zeros` : '';
    console.err.write(`${printable(flags.output)}: ${byteText(size)}${zeros}\n`);
  });
}

/** Bytes with holes of zeros between them. */
export interface Sparse {
  /** Its length, holes included. */
  size: number;
  /** What is to be written where, by rising offset; what is left out is zero. */
  parts(signal?: AbortSignal): AsyncGenerator<CorePart>;
}

/** Gives `work` one map of a process, or a range of addresses; `missing` bytes of it are not in the checkpoint. */
export async function withStretch(
  path: string,
  place: Place,
  console: Console,
  work: (stretch: Sparse & { missing: bigint }) => Promise<void>,
): Promise<void> {
  if (place.range === '' && place.map === '') throw new UsageError('give --range or --map');
  await withMemory(path, place, console, async (memory, [stretch]) => {
    if (!stretch) return;
    const { start, end } = stretch;
    let missing = end - start;
    for (const run of memory.runs(start, end)) if (run.pages) missing -= run.end - run.start;
    const parts = async function* (signal?: AbortSignal): AsyncGenerator<CorePart> {
      for (const run of memory.runs(start, end)) {
        const length = run.pages ? Number(run.end - run.start) : 0;
        for (let at = 0; at < length && run.pages; at += 1 << 20) {
          const bytes = await run.pages.read(run.offset + at, Math.min(1 << 20, length - at), signal);
          yield { offset: Number(run.start - start) + at, bytes };
        }
      }
    };
    await work({ size: Number(end - start), parts, missing });
  });
}

export async function writeCore(
  path: string,
  flags: { pid: number; output: string; sysroot: string },
  console: Console,
): Promise<void> {
  const { systemRoot } = await import('./system-root.ts');
  const openMapped = flags.sysroot === '' ? undefined : await systemRoot(flags.sysroot, console);
  await withCore(path, flags.pid, openMapped ? { openMapped } : {}, console, async (core, pid) => {
    const output = flags.output || `core.${pid}`;
    const file = await AtomicFile.create(output);
    try {
      await writeParts(file, core, console.signal);
    } catch (error) {
      await file.discard();
      throw error;
    }
    await file.commit();
    const missing = core.missing > 0 ? `, ${byteText(core.missing)} are in mapped files only` : '';
    console.err.write(`${printable(output)}: process ${pid}, ${byteText(core.size)}${missing}\n`);
  });
}

/** Gives `work` the core file of a process, or of the first one. */
export async function withCore(
  path: string,
  asked: number,
  options: CoreOptions,
  console: Console,
  work: (core: CoreFile, pid: number) => Promise<void>,
): Promise<void> {
  await withImages(path, console, async (images) => {
    const pid = await processOf(images, asked);
    const core = await coreDump(images, pid, options);
    try {
      await work(core, pid);
    } finally {
      await core.close();
    }
  });
}

async function writeParts(file: AtomicFile, { size, parts }: Sparse, signal: AbortSignal): Promise<void> {
  await file.handle.truncate(size);
  for await (const { offset, bytes } of parts(signal)) await writeAt(file, bytes, offset);
}

async function writeAt(file: AtomicFile, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
  }
}

async function withMemory(
  path: string,
  place: Place,
  console: Console,
  work: (memory: Memory, stretches: readonly Stretch[]) => Promise<void>,
): Promise<void> {
  if (place.range !== '' && place.map !== '') throw new UsageError('--range and --map exclude each other');
  const range = place.range === '' ? undefined : rangeOf(place.range);
  await withImages(path, console, async (images) => {
    const pid = await processOf(images, place.pid);
    const memory = await Memory.open(images, `pagemap-${pid}.img`);
    if (!memory) throw new CodedError('failed-precondition', `process ${pid} is dead and has no memory`);
    try {
      const stretches = range ? [range] : await mapsNamed(images, pid, place.map);
      await work(memory, stretches);
    } finally {
      await memory.close();
    }
  });
}

/** The process wanted, or the first one. @throws CodedError `not-found` */
async function processOf(images: ImageSet, pid: number): Promise<number> {
  const processes = await listProcesses(images);
  const [first] = processes.keys();
  const found = pid === 0 ? first : processes.has(pid) ? pid : undefined;
  if (found !== undefined) return found;
  throw new CodedError(
    'not-found',
    `no process with PID ${pid} (use \`inspect --ps-tree\` to view all PIDs)`,
  );
}

async function mapsNamed(images: ImageSet, pid: number, name: string): Promise<Stretch[]> {
  if (name === '') return [{ start: 0n, end: 1n << 64n }];
  const map = await memoryMap(images, await FileTable.read(images), pid);
  const found = (map?.ranges ?? []).filter((one) => one.name === name);
  if (found.length > 0) return found;
  const names = [...new Set((map?.ranges ?? []).map((one) => one.name).filter(Boolean))];
  throw new CodedError('not-found', `process ${pid} has no map named ${quote(name)}`, {
    hint: `it has ${names.map(printable).join(', ')}`,
  });
}

/** @throws UsageError unless the text is `START-END`. */
function rangeOf(text: string): Stretch {
  const [, from = '', to = ''] = /^(?:0x)?([0-9a-f]{1,16})-(?:0x)?([0-9a-f]{1,16})$/i.exec(text) ?? [];
  if (from === '') throw new UsageError(`${quote(text)} is no range of addresses: START-END in hexadecimal`);
  const start = BigInt(`0x${from}`);
  const end = BigInt(`0x${to}`);
  if (start >= end || end - start > 1n << 46n)
    throw new UsageError(`${quote(text)}: END must lie behind START`);
  return { start, end };
}
