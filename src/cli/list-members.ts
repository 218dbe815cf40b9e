import { plainName } from '../archive/member-name.ts';
import { readChunks } from '../bytes/byte-source.ts';
import { type Json, parseGoJson, printGoJson } from '../bytes/go-json.ts';
import { textOf } from '../bytes/text.ts';
import { type Checkpoint, missingMember, readIfPresent } from '../checkpoint/checkpoint.ts';
import { openArchive } from '../checkpoint/from-archive.ts';
import { memberNames } from '../checkpoint/layout.ts';
import { lateCodec } from '../localfs/late-codec.ts';
import type { Console } from './console.ts';
import { openCheckpoint } from './open.ts';
import { printable, printableLines } from './output/escape.ts';
import { padLeft } from './output/width.ts';

/** Prints what a checkpoint, or the change of its root file system, consists of. */
export async function listMembers(
  path: string,
  flags: { rootfs: boolean; deleted: boolean; format: 'table' | 'json' },
  console: Console,
): Promise<void> {
  const checkpoint = await openCheckpoint(path, { limits: console.limits });
  try {
    if (flags.deleted) {
      const paths = await deletedFiles(checkpoint);
      if (flags.format === 'json') console.out.write(`${printGoJson(paths, '  ')}\n`);
      else for (const one of paths) console.out.write(`${printable(String(one))}\n`);
      return;
    }
    const listed = flags.rootfs ? await rootfsOf(checkpoint) : checkpoint;
    printList(await listed.members(), flags.format, console);
  } finally {
    await checkpoint.close();
  }
}

/** Prints the content of members, one after the other. */
export async function printMembers(
  path: string,
  names: readonly string[],
  rootfs: boolean,
  console: Console,
): Promise<void> {
  const checkpoint = await openCheckpoint(path, { limits: console.limits });
  try {
    const from = rootfs ? await rootfsOf(checkpoint) : checkpoint;
    const wanted = names.map((name) => plainName(rootfs ? name.replace(/^\/+/, '') : name));
    await from.prepare({ names: wanted });
    for (const name of wanted) {
      const source = await from.open(name);
      for await (const piece of readChunks(source, 1 << 18, console.signal)) {
        console.out.write(console.out.isTerminal ? printableLines(textOf(piece)) : piece);
      }
      await source.close();
    }
  } finally {
    await checkpoint.close();
  }
}

const letters: Readonly<Record<string, string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  hardlink: 'h',
  'character-device': 'c',
  'block-device': 'b',
  fifo: 'p',
};

function printList(
  { raw }: Awaited<ReturnType<Checkpoint['members']>>,
  format: 'table' | 'json',
  console: Console,
): void {
  if (format === 'json') {
    const nodes = raw.map(({ name, type, size, mode, linkName }) => ({
      name,
      type,
      size,
      mode: mode.toString(8).padStart(4, '0'),
      link_name: linkName || undefined,
    }));
    console.out.write(`${printGoJson(nodes, '  ')}\n`);
    return;
  }
  const width = Math.max(1, ...raw.map(({ size }) => String(size).length));
  for (const { name, type, size, mode, linkName } of raw) {
    const link = linkName ? ` -> ${printable(linkName)}` : '';
    const kind = (letters[type] ?? '?') + permissions(mode);
    console.out.write(`${kind} ${padLeft(String(size), width)} ${printable(name)}${link}\n`);
  }
}

function permissions(mode: number): string {
  const bits = [...'rwxrwxrwx'].map((letter, at) => (mode & (0o400 >> at) ? letter : '-'));
  const special: readonly [number, number, string][] = [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ];
  for (const [bit, at, letter] of special) {
    if (mode & bit) bits[at] = bits[at] === 'x' ? letter : letter.toUpperCase();
  }
  return bits.join('');
}

/** The archive inside the archive; closed together with the checkpoint. */
async function rootfsOf(checkpoint: Checkpoint): Promise<Checkpoint> {
  if (!(await checkpoint.find(memberNames.rootfsDiff))) {
    throw missingMember(checkpoint.origin, memberNames.rootfsDiff);
  }
  await checkpoint.prepare({ names: [memberNames.rootfsDiff] });
  const source = await checkpoint.open(memberNames.rootfsDiff);
  return openArchive(source, { origin: `${checkpoint.origin}:${memberNames.rootfsDiff}`, codec: lateCodec });
}

async function deletedFiles(checkpoint: Checkpoint): Promise<Json[]> {
  const bytes = await readIfPresent(checkpoint, memberNames.deletedFiles);
  const value = bytes ? parseGoJson(bytes) : null;
  return Array.isArray(value) ? value : [];
}
