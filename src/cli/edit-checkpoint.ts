import { stat } from 'node:fs/promises';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type DumpEdits, editConfigDump, editSpecDump } from '../checkpoint/edit-dumps.ts';
import { readIdentity } from '../checkpoint/identity.ts';
import { memberFolders, memberNames } from '../checkpoint/layout.ts';
import { decodeManifest, encodeManifest } from '../checkpoint/manifest.ts';
import { requireIntact } from '../checkpoint/verify-digests.ts';
import { remapListeningPorts } from '../criu/listening-ports.ts';
import { CodedError } from '../errors/coded-error.ts';
import { editArchive, type ReadMember } from '../localfs/edit-archive.ts';
import { sha256, sha256Of } from '../localfs/sha256.ts';
import { systemErrorCode, systemErrorText } from '../localfs/system-error.ts';
import { CommandError, UsageError } from './command.ts';
import type { Console } from './console.ts';
import { printable } from './output/escape.ts';
import { Progress } from './progress.ts';

const highestPort = 65535;

/** What the command line asks for. */
export interface EditWords {
  /** `8080:9090,…`, or nothing. */
  ports: string;
  /** `NAME=VALUE` and `NAME-`. */
  annotations: readonly string[];
  image: string | undefined;
}

/** Rewrites the archive at `path`. What a port change did is said on standard error. */
export async function editCheckpoint(path: string, words: EditWords, console: Console): Promise<void> {
  const edits = editsOf(words);
  if (path === '-') throw new UsageError('an archive is edited where it lies: standard input has no place');
  await requireFile(path);
  const progress = new Progress(console.err, 'editing');
  let expected: ReadonlyMap<string, Uint8Array> = new Map();
  const edit = async (read: ReadMember) => {
    expected = await changesOf(read, edits, path);
    return expected;
  };
  const verify = (edited: Checkpoint) => verifyEdited(edited, expected, console.signal);
  try {
    await editArchive(path, edit, verify, {
      limits: console.limits,
      signal: console.signal,
      onProgress: (done, total) => progress.bytes(done, total),
    });
  } finally {
    progress.done();
  }
  for (const [from, to] of edits.ports) {
    console.err.write(`Successfully remapped port ${from} -> ${to}\n`);
  }
}

type Edits = DumpEdits & { ports: ReadonlyMap<number, number> };

function editsOf({ ports, annotations, image }: EditWords): Edits {
  if (ports === '' && annotations.length === 0 && image === undefined) {
    throw new CommandError('no edit operation specified; use --tcp-listen-remap');
  }
  const named = new Map<string, string | null>();
  for (const word of annotations) {
    const [, name, value] = /^([^=]+?)(?:=(.*)|-)$/s.exec(word) ?? [];
    if (name === undefined) {
      throw new CommandError(`invalid annotation ${JSON.stringify(word)}: expected NAME=VALUE or NAME-`);
    }
    named.set(name, value ?? null);
  }
  return { ports: ports === '' ? new Map() : portsOf(ports), annotations: named, image };
}

function portsOf(words: string): Map<number, number> {
  const ports = new Map<number, number>();
  for (const word of words.split(',')) {
    const [, from, to] = /^([0-9]{1,18}):([0-9]{1,18})$/.exec(word) ?? [];
    if (from === undefined || ports.has(Number(from))) {
      throw new CommandError('invalid parameters: expected oldport:newport');
    }
    if (Number(to) < 1 || Number(to) > highestPort) {
      throw new CommandError(`new port ${Number(to)} is out of valid range (1-65535)`);
    }
    ports.set(Number(from), Number(to));
  }
  return ports;
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (!systemErrorCode(error)) throw error;
    throw new CommandError(printable(systemErrorText(error, 'stat', path)), { cause: error });
  });
  if (!found.isFile()) throw new CommandError(`input ${printable(path)} not a regular file`);
}

/** New content by member name. */
async function changesOf(read: ReadMember, edits: Edits, path: string): Promise<Map<string, Uint8Array>> {
  const changes = new Map<string, Uint8Array>();
  const config = await read(memberNames.configDump);
  const spec = await read(memberNames.specDump);
  if (!config || !spec) throw nothingToEdit();
  if (edits.ports.size > 0) await movePorts(read, edits.ports, changes);
  const newConfig = editConfigDump(config, edits);
  if (newConfig) changes.set(memberNames.configDump, newConfig);
  const newSpec = editSpecDump(spec, edits);
  if (newSpec) changes.set(memberNames.specDump, newSpec);
  if (changes.size > 0) await noteInManifest(read, edits, changes, path);
  return changes;
}

function nothingToEdit(): CommandError {
  return new CommandError('matching entries not found in archive for requested edit operation');
}

/** In `files.img`, or `inetsk.img` of a dump by an older CRIU. */
async function movePorts(
  read: ReadMember,
  ports: ReadonlyMap<number, number>,
  changes: Map<string, Uint8Array>,
): Promise<void> {
  const newer = `${memberFolders.images}files.img`;
  const older = `${memberFolders.images}inetsk.img`;
  const [name, image] =
    [[newer, await read(newer)] as const, [older, await read(older)] as const].find(([, bytes]) => bytes) ??
    [];
  if (!name || !image) throw nothingToEdit();
  const missing = (port: number) => new CommandError(`no TCP listen sockets found with source port ${port}`);
  for (const from of ports.keys()) if (from < 1 || from > highestPort) throw missing(from);
  const { bytes, changes: moved } = remapListeningPorts(image, ports);
  for (const from of ports.keys()) {
    if (!moved.some((change) => change.from === from)) throw missing(from);
  }
  changes.set(name, bytes);
}

/**
 * The digests of what is changed, and that it was: who compares them later sees an archive that is whole, and
 * reads what was done to it. Digests that did not hold before are not made to hold.
 */
async function noteInManifest(
  read: ReadMember,
  edits: Edits,
  changes: Map<string, Uint8Array>,
  path: string,
): Promise<void> {
  const bytes = await read(memberNames.manifest);
  if (!bytes) return;
  const manifest = decodeManifest(bytes);
  for (const name of changes.keys()) {
    const recorded = manifest.members.find((member) => member.name === name);
    const content = await read(name);
    if (recorded && content && recorded.sha256 === sha256Of(content)) continue;
    throw new CodedError('corrupt', `${path} is not as it was captured: ${name} was altered before`);
  }
  const members = manifest.members.map((member) => {
    const content = changes.get(member.name);
    return content ? { ...member, size: content.length, sha256: sha256Of(content) } : member;
  });
  const before = manifest.capture['edits'];
  const note = {
    ...(edits.ports.size > 0 ? { tcpListenRemap: Object.fromEntries(edits.ports) } : {}),
    ...(edits.annotations?.size ? { annotations: [...edits.annotations.keys()] } : {}),
    ...(edits.image === undefined ? {} : { image: edits.image }),
  };
  const capture = { ...manifest.capture, edits: [...(Array.isArray(before) ? before : []), note] };
  changes.set(memberNames.manifest, encodeManifest({ ...manifest, members, capture }));
}

/** Reads what was written as everybody else will. */
async function verifyEdited(
  edited: Checkpoint,
  expected: ReadonlyMap<string, Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  // Reads every member, and so also proves that the archive is whole.
  await requireIntact(edited, sha256, { signal });
  for (const [name, content] of expected) {
    const limit = content.length;
    if (sha256Of(await edited.read(name, { limit, signal })) === sha256Of(content)) continue;
    throw new CodedError('internal', `${name} does not read as it was written`);
  }
  await readIdentity(edited, signal);
}
