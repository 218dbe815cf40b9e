import { plainName } from '../archive/member-name.ts';
import { type ByteSource, readChunks } from '../bytes/byte-source.ts';
import { type Json, parseGoJson, printGoJson } from '../bytes/go-json.ts';
import { textOf } from '../bytes/text.ts';
import { type Checkpoint, missingMember, readIfPresent } from '../checkpoint/checkpoint.ts';
import { openArchive } from '../checkpoint/from-archive.ts';
import { memberNames } from '../checkpoint/layout.ts';
import { CodedError } from '../errors/coded-error.ts';
import { lateCodec } from '../localfs/late-codec.ts';
import { UsageError } from './command.ts';
import type { Console } from './console.ts';
import { openCheckpoint } from './open.ts';
import { printable, printableLines, quote } from './output/escape.ts';
import { largest, padLeft } from './output/width.ts';

/** An archive that is a member itself. */
export interface Inside {
  rootfs: boolean;
  /** The name of a member, or where a file system in memory was mounted. */
  in: string;
}

/** Prints what a checkpoint, or the change of its root file system, consists of. */
export async function listMembers(
  path: string,
  flags: Inside & { deleted: boolean; format: 'table' | 'json' },
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
    const listed = await insideOf(checkpoint, flags);
    printList(await listed.members(), flags.format, console);
  } finally {
    await checkpoint.close();
  }
}

/** Prints the content of members, one after the other. */
export async function printMembers(
  path: string,
  names: readonly string[],
  flags: Inside,
  console: Console,
): Promise<void> {
  await eachMember(path, names, flags, console, async (_, source) => {
    for await (const piece of readChunks(source, 1 << 18, console.signal)) {
      console.out.write(console.out.isTerminal ? printableLines(textOf(piece)) : piece);
    }
  });
}

/** Gives `work` the content of each of these members. */
export async function eachMember(
  path: string,
  names: readonly string[],
  flags: Inside,
  { limits, signal }: Pick<Console, 'limits' | 'signal'>,
  work: (name: string, content: ByteSource) => Promise<void>,
): Promise<void> {
  const checkpoint = await openCheckpoint(path, { limits, signal });
  try {
    const from = await insideOf(checkpoint, flags);
    const wanted = names.map((name) => plainName(from === checkpoint ? name : name.replace(/^\/+/, '')));
    await from.prepare({ names: wanted });
    for (const name of wanted) {
      const source = await from.open(name);
      try {
        await work(name, source);
      } finally {
        await source.close();
      }
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
  const width = largest(
    raw.map(({ size }) => String(size).length),
    1,
  );
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

/** The archive inside the archive, where one is asked for; closed together with the checkpoint. */
async function insideOf(checkpoint: Checkpoint, flags: Inside): Promise<Checkpoint> {
  if (!flags.rootfs && flags.in === '') return checkpoint;
  if (flags.rootfs && flags.in !== '') throw new UsageError('--rootfs and --in exclude each other');
  const name = flags.rootfs ? memberNames.rootfsDiff : await memberAt(checkpoint, flags.in);
  await checkpoint.prepare({ names: [name] });
  if (!(await checkpoint.find(name))) throw missingMember(checkpoint.origin, name);
  const source = await checkpoint.open(name);
  return openArchive(source, { origin: `${checkpoint.origin}:${name}`, codec: lateCodec });
}

/** The member of that name, or that holds what was mounted there. @throws CodedError `not-found` */
async function memberAt(checkpoint: Checkpoint, place: string): Promise<string> {
  if (!place.startsWith('/')) return plainName(place);
  const [{ temporaryMembers }, { imagesOf }, { announce }] = await Promise.all([
    import('../inspect/temporary-files.ts'),
    import('../inspect/images.ts'),
    import('../inspect/announce.ts'),
  ]);
  await announce(checkpoint, { names: [], images: ['inventory.img', 'mountpoints-', 'tmpfs-'] });
  const members = await temporaryMembers(await imagesOf(checkpoint));
  const path = place.replace(/(?<=.)\/+$/, '');
  const found = members.findLast(({ mountpoints }) => mountpoints.includes(path));
  if (found) return found.name;
  const places = members.flatMap(({ mountpoints }) => mountpoints).map(printable);
  throw new CodedError('not-found', `${checkpoint.origin} has no contents of ${quote(place)}`, {
    hint: `it has those of ${places.join(', ') || 'no file system in memory'}`,
  });
}

async function deletedFiles(checkpoint: Checkpoint): Promise<Json[]> {
  const bytes = await readIfPresent(checkpoint, memberNames.deletedFiles);
  const value = bytes ? parseGoJson(bytes) : null;
  return Array.isArray(value) ? value : [];
}
