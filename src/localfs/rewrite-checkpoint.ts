import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type DumpEdits, editConfigDump, editSpecDump } from '../checkpoint/edit-dumps.ts';
import { readIdentity } from '../checkpoint/identity.ts';
import { memberFolders, memberNames } from '../checkpoint/layout.ts';
import { decodeManifest, encodeManifest } from '../checkpoint/manifest.ts';
import { requireIntact } from '../checkpoint/verify-digests.ts';
import { remapListeningPorts } from '../criu/listening-ports.ts';
import { CodedError } from '../errors/coded-error.ts';
import { type EditOptions, editArchive, type ReadMember } from './edit-archive.ts';
import { sha256, sha256Of } from './sha256.ts';

export const highestPort = 65535;

/** What is to be different: ports that are listened on, annotations, the name of the image. */
export type CheckpointEdits = DumpEdits & { ports: ReadonlyMap<number, number> };

/**
 * Rewrites the archive at `path`, or writes it anew at `options.output`, and reads what was written as everybody
 * else will.
 * @returns whether anything had to change
 * @throws CodedError `invalid-argument` where there is nothing of what is to be changed; as {@link editArchive} does
 */
export async function rewriteCheckpoint(
  path: string,
  edits: CheckpointEdits,
  options: EditOptions,
): Promise<boolean> {
  let expected: ReadonlyMap<string, Uint8Array> = new Map();
  const edit = async (read: ReadMember) => {
    expected = await changesOf(read, edits, path);
    return expected;
  };
  const verify = (edited: Checkpoint) => verifyEdited(edited, expected, options.signal);
  return editArchive(path, edit, verify, options);
}

/** New content by member name. */
async function changesOf(
  read: ReadMember,
  edits: CheckpointEdits,
  path: string,
): Promise<Map<string, Uint8Array>> {
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

function nothingToEdit(): CodedError {
  return new CodedError(
    'invalid-argument',
    'matching entries not found in archive for requested edit operation',
  );
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
  const missing = (port: number) =>
    new CodedError('invalid-argument', `no TCP listen sockets found with source port ${port}`);
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
  edits: CheckpointEdits,
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
  signal: AbortSignal | undefined,
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
