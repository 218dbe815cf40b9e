import { CodedError } from '../errors/coded-error.ts';
import type { Checkpoint } from './checkpoint.ts';
import { memberNames } from './layout.ts';
import {
  compareManifest,
  decodeManifest,
  type Manifest,
  type ManifestProblem,
  manifestLimit,
  type NewHasher,
} from './manifest.ts';

/** What comparing a checkpoint with its manifest gave. */
export interface DigestReport {
  /** Undefined where the checkpoint has none: nothing was recorded at capture, and nothing can be said. */
  manifest: Manifest | undefined;
  problems: readonly ManifestProblem[];
  /** Bytes that were read. */
  bytes: number;
}

export interface VerifyOptions {
  signal?: AbortSignal | undefined;
  /** Called as bytes are read. */
  onProgress?: (bytes: number) => void;
}

/**
 * Reads every member once and compares sizes and digests with what was recorded at capture.
 * @throws CodedError `corrupt` when the archive or its manifest cannot be read.
 */
export async function verifyDigests(
  checkpoint: Checkpoint,
  newHasher: NewHasher,
  { signal, onProgress }: VerifyOptions = {},
): Promise<DigestReport> {
  const found = new Map<string, { size: number; sha256: string }>();
  let manifest: Manifest | undefined;
  let bytes = 0;
  for await (const { member, content } of checkpoint.stream(signal)) {
    const hasher = newHasher();
    const held: Uint8Array[] | undefined = member.name === memberNames.manifest ? [] : undefined;
    let size = 0;
    for await (const piece of content()) {
      hasher.update(piece);
      size += piece.length;
      bytes += piece.length;
      if (held && size <= manifestLimit) held.push(piece.slice());
      onProgress?.(bytes);
    }
    found.set(member.name, { size, sha256: hasher.digest() });
    if (held) manifest = decodeManifest(joined(held, size));
  }
  return { manifest, problems: manifest ? compareManifest(manifest, found) : [], bytes };
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  if (size > manifestLimit) {
    throw new CodedError('resource-exhausted', `${memberNames.manifest} has ${size} bytes`);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

/**
 * As {@link verifyDigests}, for use before a restore.
 * @throws CodedError `corrupt` naming the first members that differ from what was captured.
 */
export async function requireIntact(
  checkpoint: Checkpoint,
  newHasher: NewHasher,
  options: VerifyOptions = {},
): Promise<DigestReport> {
  const report = await verifyDigests(checkpoint, newHasher, options);
  const [first] = report.problems;
  if (!first) return report;
  const others = report.problems.length - 1;
  const more = others > 0 ? `, and ${others} more ${others > 1 ? 'members differ' : 'member differs'}` : '';
  throw new CodedError(
    'corrupt',
    `${checkpoint.origin} is not as it was captured: ${first.name}: ${first.detail}${more}`,
    {
      data: { name: first.name, problems: report.problems.length },
      hint: 'the archive was cut off or altered; take another checkpoint, or fetch this one again',
    },
  );
}
