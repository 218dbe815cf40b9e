/**
 * The library `stasis/archive`: tar archives, read at random or as a stream and written to the byte, with limits
 * on everything that an archive can ask for; plain or packed into frames that can be sought. In Node and in
 * browsers: what packs and unpacks is handed in as a {@link Codec}.
 */
export { type ByteSource, bytesSource, readChunks, sliceSource } from '../bytes/byte-source.ts';
export type { ErrorCode } from '../errors/code.ts';
export { CodedError, isCoded } from '../errors/coded-error.ts';
export { type Codec, type Compression, type Packing, sniffPacking } from './compression.ts';
export { framesSource } from './frames-source.ts';
export { type FramesOptions, writeFrames } from './frames-writer.ts';
export { type ArchiveLimit, type ArchiveLimits, defaultLimits, resolveLimits } from './limits.ts';
export { nameProblem, plainName } from './member-name.ts';
export { type Frame, readSeekTable } from './seek-table.ts';
export { type IndexOptions, indexTar, openEntry, TarIndex } from './tar-index.ts';
export type { TarEntry } from './tar-parser.ts';
export { type StreamedMember, type StreamOptions, streamTar } from './tar-stream.ts';
export {
  type CopiedMember,
  type NewMember,
  type TarContent,
  type TarMember,
  type TarMemberHeader,
  writeTar,
} from './tar-writer.ts';
