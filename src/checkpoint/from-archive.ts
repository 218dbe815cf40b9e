import {
  type Codec,
  type Compression,
  magicLength,
  refusePacking,
  sniffPacking,
} from '../archive/compression.ts';
import { framesSource } from '../archive/frames-source.ts';
import { type ArchiveLimits, defaultLimits } from '../archive/limits.ts';
import { readSeekTable } from '../archive/seek-table.ts';
import { type ByteSource, readChunks, readThrough } from '../bytes/byte-source.ts';
import { CodedError } from '../errors/coded-error.ts';
import { layoutFile } from '../oci/layout-names.ts';
import type { Checkpoint } from './checkpoint.ts';
import { streamCheckpoint } from './from-stream.ts';
import { tarCheckpoint } from './from-tar.ts';

export interface ArchiveOptions {
  origin: string;
  codec: Codec;
  limits?: ArchiveLimits;
  signal?: AbortSignal | undefined;
  /** The mark of an OCI image layout in an archive that is packed as one stream is refused. */
  refuseLayout?: boolean;
  /** `source` can only be read forwards at little cost, from its start again and again: a plain archive streams, too. */
  forwards?: boolean;
}

/**
 * The checkpoint in the archive `source`: plain, packed with a table of its frames (both at random), or packed
 * as one stream.
 * @param source owned from here on, also when this fails.
 * @throws CodedError `unsupported` for other ways of packing. Whether it is an archive at all shows later.
 */
export async function openArchive(source: ByteSource, options: ArchiveOptions): Promise<Checkpoint> {
  const { origin, codec, limits = defaultLimits, signal, refuseLayout = false, forwards = false } = options;
  try {
    const packing = sniffPacking(await source.read(0, Math.min(magicLength, source.size), signal));
    const close = (): Promise<void> => source.close();
    if (packing === 'none') {
      if (!forwards) return tarCheckpoint(source, { origin, limits });
      const again = (stop?: AbortSignal) => readChunks(source, 1 << 18, stop);
      return streamCheckpoint(again, { origin, format: 'tar', limits, close });
    }
    if (packing !== 'gzip' && packing !== 'zstd') throw refusePacking(origin, packing);
    const format = `tar+${packing}`;
    const frames = forwards ? undefined : await readSeekTable(packing, source, signal);
    if (frames) {
      const unpacked = framesSource(source, packing, frames, codec);
      // Headers have frames of their own; reading ahead would unpack content as well.
      return tarCheckpoint(unpacked, { origin, format: `${format}, seekable`, limits, readAhead: 0 });
    }
    const read = codec.takesAtOnce ? readThrough : readChunks;
    const reopen = (again?: AbortSignal, lend?: boolean) =>
      codec.decompress(packing, read(source, 1 << 18, again), again, lend);
    const refuse = refuseLayout ? (name: string) => refuseImage(name, origin, packing) : undefined;
    return streamCheckpoint(reopen, { origin, format, limits, refuse, close });
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** What began as a checkpoint and holds an image cannot be told to be either. @throws CodedError `unsupported` */
function refuseImage(name: string, origin: string, packing: Compression): void {
  if (name !== layoutFile) return;
  throw new CodedError(
    'unsupported',
    `${origin}, packed with ${packing}, begins as a checkpoint and is an OCI image layout`,
    {
      hint: `to read it as an image, unpack it first: ${packing} -dc ${origin} | stasis COMMAND -`,
    },
  );
}
