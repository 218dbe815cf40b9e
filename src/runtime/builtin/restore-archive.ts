import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkpoint, StreamedFile } from '../../checkpoint/checkpoint.ts';
import { type Identity, readIdentity } from '../../checkpoint/identity.ts';
import { memberFolders, memberNames } from '../../checkpoint/layout.ts';
import { compareManifest, decodeManifest, type Manifest, manifestLimit } from '../../checkpoint/manifest.ts';
import { validateMembers } from '../../checkpoint/validate.ts';
import { CodedError, isCoded, messageOf } from '../../errors/coded-error.ts';
import { privateDirectory, privateFile } from '../../localfs/atomic-file.ts';
import { openCheckpoint } from '../../localfs/open-checkpoint.ts';
import { sha256 } from '../../localfs/sha256.ts';
import type { Deadline } from './deadline.ts';
import type { OciSpec } from './oci-spec.ts';
import { checkImages } from './restore-images.ts';
import { spaceError } from './space-error.ts';

/** What a container is restored from, checked and unpacked into a private folder. */
export interface UnpackedArchive {
  origin: string;
  identity: Identity;
  /** Undefined for archives of other programs. */
  manifest: Manifest | undefined;
  /** What the container was run with. */
  spec: OciSpec;
  /** Folder of CRIU's images. */
  images: string;
  /** Archives of the changed files and of /dev/shm, where there are some. */
  rootfsDiff: string | undefined;
  devShm: string | undefined;
  /** Absolute paths of files that the container had deleted. */
  deleted: readonly string[];
}

/** The largest JSON member that is read. */
const longestJson = 16 << 20;

/**
 * Opens an archive of any engine, compares it with the digests that were recorded at capture (in the same pass
 * in which it is unpacked, so that what was compared is what is restored), and unpacks exactly the members that
 * a restore needs. An archive without digests is looked at as closely as its images allow.
 * @param folder An existing private folder; the images go to `images` in it.
 * @throws CodedError `corrupt` naming the member, `unsupported` for what is no container checkpoint,
 *   `not-found`, `resource-exhausted`.
 */
export async function unpackArchive(
  path: string,
  folder: string,
  deadline: Deadline,
): Promise<UnpackedArchive> {
  const checkpoint = await openAt(path, deadline);
  try {
    await refuseBadMembers(checkpoint, path);
    const identity = await readIdentity(checkpoint, deadline.signal);
    const images = join(folder, 'images');
    await mkdir(images, { mode: privateDirectory });
    const { manifest, json, written } = await unpackMembers(checkpoint, folder, path, deadline);
    await checkImages(images);
    const spec = parseJson(json.get(memberNames.specDump), memberNames.specDump, path) as OciSpec;
    checkSpec(spec, path);
    const deleted = json.has(memberNames.deletedFiles)
      ? pathsOf(parseJson(json.get(memberNames.deletedFiles), memberNames.deletedFiles, path), path)
      : [];
    const at = (name: string): string | undefined => (written.has(name) ? join(folder, name) : undefined);
    return {
      ...{ origin: path, identity, manifest, spec, images, deleted },
      rootfsDiff: at(memberNames.rootfsDiff),
      devShm: at(memberNames.devShm),
    };
  } finally {
    await checkpoint.close();
  }
}

async function openAt(path: string, deadline: Deadline): Promise<Checkpoint> {
  try {
    return await openCheckpoint(path, { signal: deadline.signal });
  } catch (error) {
    if (error instanceof CodedError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CodedError(missing ? 'not-found' : 'internal', `opening ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function refuseBadMembers(checkpoint: Checkpoint, path: string): Promise<void> {
  const { raw } = await checkpoint.members();
  if (raw.length === 0) throw new CodedError('corrupt', `${path} is empty: it holds no checkpoint`);
  const bad = validateMembers(raw).find(({ severity }) => severity === 'error');
  if (bad !== undefined) {
    throw new CodedError('corrupt', `${path}: ${JSON.stringify(bad.name)}: ${bad.detail}`, {
      data: { name: bad.name },
    });
  }
  const parent = raw.find(({ name }) => name === `${memberFolders.images}parent`);
  if (parent === undefined) return;
  throw new CodedError('unsupported', `${path} builds on an earlier checkpoint, which is not in it`);
}

interface Unpacked {
  manifest: Manifest | undefined;
  json: Map<string, Uint8Array>;
  written: Set<string>;
}

const keptInMemory: readonly string[] = [
  memberNames.specDump,
  memberNames.deletedFiles,
  memberNames.manifest,
];
const keptAsFile: readonly string[] = [memberNames.rootfsDiff, memberNames.devShm];

async function unpackMembers(
  checkpoint: Checkpoint,
  folder: string,
  path: string,
  deadline: Deadline,
): Promise<Unpacked> {
  const found = new Map<string, { size: number; sha256: string }>();
  const json = new Map<string, Uint8Array>();
  const written = new Set<string>();
  for await (const file of checkpoint.stream(deadline.signal)) {
    const { name } = file.member;
    const target = targetOf(name, folder);
    const held = keptInMemory.includes(name) ? [] : undefined;
    found.set(name, await take(file, target, held, deadline));
    if (held !== undefined) json.set(name, Buffer.concat(held));
    if (target !== undefined) written.add(name);
  }
  const bytes = json.get(memberNames.manifest);
  const manifest = bytes === undefined ? undefined : decodeManifest(bytes);
  const problems = manifest === undefined ? [] : compareManifest(manifest, found);
  const [first] = problems;
  if (first !== undefined) {
    const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
    throw new CodedError(
      'corrupt',
      `${path} is not what was captured: ${JSON.stringify(first.name)}: ${first.detail}${more}`,
      {
        data: { name: first.name },
        hint: 'the archive was cut off or altered; take another one',
      },
    );
  }
  return { manifest, json, written };
}

/** Where a member goes; undefined for one that a restore does not need. */
function targetOf(name: string, folder: string): string | undefined {
  if (keptAsFile.includes(name)) return join(folder, name);
  if (!name.startsWith(memberFolders.images)) return undefined;
  const plain = name.slice(memberFolders.images.length);
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(plain) ? join(folder, 'images', plain) : undefined;
}

async function take(
  { member, content }: StreamedFile,
  target: string | undefined,
  held: Uint8Array[] | undefined,
  deadline: Deadline,
): Promise<{ size: number; sha256: string }> {
  const hash = sha256();
  const limit = member.name === memberNames.manifest ? manifestLimit : longestJson;
  const handle = target === undefined ? undefined : await open(target, 'wx', privateFile);
  let size = 0;
  try {
    for await (const piece of content()) {
      deadline.check();
      hash.update(piece);
      size += piece.length;
      if (held !== undefined && size > limit) {
        throw new CodedError('resource-exhausted', `${member.name} has more than ${limit} bytes`);
      }
      held?.push(piece.slice());
      for (let at = 0; handle !== undefined && at < piece.length; ) {
        at += (await handle.write(piece, at)).bytesWritten;
      }
    }
  } catch (error) {
    throw spaceError(error);
  } finally {
    await handle?.close();
  }
  return { size, sha256: hash.digest() };
}

function parseJson(bytes: Uint8Array | undefined, name: string, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new CodedError('corrupt', `${path}: ${name} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}

function pathsOf(value: unknown, path: string): string[] {
  if (value === null) return [];
  if (Array.isArray(value) && value.every((each) => typeof each === 'string' && each.startsWith('/'))) {
    return value as string[];
  }
  throw new CodedError('corrupt', `${path}: ${memberNames.deletedFiles} is no list of absolute paths`);
}

/** The parts of the specification that the restore looks at must be there. */
function checkSpec(spec: OciSpec, path: string): void {
  const good =
    typeof spec === 'object' &&
    spec !== null &&
    typeof spec.process === 'object' &&
    Array.isArray(spec.process?.args) &&
    Array.isArray(spec.linux?.namespaces) &&
    (spec.mounts === undefined || Array.isArray(spec.mounts));
  if (good) return;
  throw new CodedError('corrupt', `${path}: ${memberNames.specDump} is no OCI runtime specification`);
}

/** Whether something at this path looks like a container checkpoint at all; used to tell pods apart. */
export async function archivesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.tar')).sort();
  } catch (error) {
    throw new CodedError('not-found', `there is no checkpoint at ${folder}: ${messageOf(error)}`, {
      cause: isCoded(error) ? error : undefined,
    });
  }
}
