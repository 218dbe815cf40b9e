import type { Compression } from '../archive/compression.ts';
import { writeFrames } from '../archive/frames-writer.ts';
import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import { type NewMember, writeTar } from '../archive/tar-writer.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import type { Checkpoint, Member } from '../checkpoint/checkpoint.ts';
import { readIdentity } from '../checkpoint/identity.ts';
import { compareMembers, memberFolders, memberNames } from '../checkpoint/layout.ts';
import { type CaptureFacts, withManifest } from '../checkpoint/manifest.ts';
import { requireIntact } from '../checkpoint/verify-digests.ts';
import { engineNames, type Target } from '../conversion/conversion.ts';
import { encodeOrigin, originName } from '../conversion/origin.ts';
import type { ConversionPlan } from '../conversion/plan.ts';
import type { ConversionSource } from '../conversion/source.ts';
import { AtomicFile } from './atomic-file.ts';
import { codec } from './codec.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { sha256, sha256Of } from './sha256.ts';

/** What a conversion is written from. */
export interface ConversionWork {
  checkpoint: Checkpoint;
  source: ConversionSource;
  plan: ConversionPlan;
  /** The changed files in the form of the target. */
  diff: ByteSource | undefined;
}

export interface WriteOptions {
  target: Target;
  compression?: Compression | 'none';
  limits?: ArchiveLimits | undefined;
  signal?: AbortSignal | undefined;
  /** Told how many bytes have been written, of about how many. */
  onProgress?: (done: number, total: number) => void;
}

/** Writes the archive with digests of all members, and reads it again before it gets its name. */
export async function writeConverted(
  work: ConversionWork,
  output: string,
  options: WriteOptions,
): Promise<void> {
  const { signal, limits = defaultLimits, compression = 'none' } = options;
  const file = await AtomicFile.create(output);
  try {
    const members = withManifest(membersOf(work, options), captureOf(work, options), sha256);
    const pieces =
      compression === 'none'
        ? writeTar(members, { signal })
        : writeFrames(members, { compression, codec, signal });
    let done = 0;
    const total = await sizeOf(work);
    for await (const piece of pieces) {
      await file.write(piece);
      done += piece.length;
      options.onProgress?.(done, Math.max(done, total));
    }
    const written = await openCheckpoint(file.temporaryPath, { limits, signal });
    try {
      await requireIntact(written, sha256, { signal });
      await readIdentity(written, signal);
    } finally {
      await written.close();
    }
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.commit();
}

async function sizeOf({ checkpoint, plan, diff }: ConversionWork): Promise<number> {
  const { files } = await checkpoint.members();
  const copied = files.filter(({ name }) => plan.copied.has(name));
  return copied.reduce((sum, { size }) => sum + size, diff?.size ?? 0);
}

function captureOf({ source, plan }: ConversionWork, { target }: WriteOptions): CaptureFacts {
  const { converted: _before, ...captured } = source.capture ?? {};
  const from = source.identity.engine;
  return plan.replaced.size === 0 ? captured : { ...captured, converted: { from, to: engineNames[target] } };
}

interface Planned {
  name: string;
  mtime: number;
  /** The member to copy, or what is written. */
  from: Member | Uint8Array | ByteSource;
}

/** In the order in which archives are read; each is opened when its turn has come. */
async function* membersOf(work: ConversionWork, { signal }: WriteOptions): AsyncGenerator<NewMember> {
  const planned = await plannedOf(work, signal);
  const mtime = Math.max(0, ...planned.map((each) => each.mtime));
  let folder = false;
  for (const { name, from, mtime: own } of planned) {
    if (name.startsWith(memberFolders.images) && !folder) {
      folder = true;
      yield { name: memberFolders.images, type: 'directory', mtime };
    }
    if (!('name' in from)) {
      yield { name, mtime: own || mtime, content: from };
      continue;
    }
    const content = await work.checkpoint.open(from.name, signal);
    try {
      yield { name, mtime: own, content };
    } finally {
      await content.close();
    }
  }
}

async function plannedOf(
  { checkpoint, plan, diff }: ConversionWork,
  signal: AbortSignal | undefined,
): Promise<Planned[]> {
  const { files } = await checkpoint.members(signal);
  const planned: Planned[] = [];
  for (const member of files) {
    const name = plan.copied.get(member.name);
    if (name !== undefined) planned.push({ name, mtime: Math.floor(member.mtime), from: member });
  }
  for (const [name, from] of plan.written) planned.push({ name, mtime: 0, from });
  if (diff) planned.push({ name: memberNames.rootfsDiff, mtime: 0, from: diff });
  if (plan.replaced.size > 0) {
    for (const [name, from] of plan.replaced) planned.push({ name: originName(name), mtime: 0, from });
    const written = new Map([...plan.written].map(([name, bytes]) => [name, sha256Of(bytes)]));
    const { name, content } = encodeOrigin({ kept: [...plan.replaced.keys()], added: plan.added, written });
    planned.push({ name, mtime: 0, from: content });
  }
  return planned.sort((a, b) => compareMembers(a.name, b.name));
}
