/**
 * The library `stasis/checkpoint`: a container checkpoint seen as its members, whatever holds them. Opening one
 * by its path is `stasis/checkpoint/open`, which needs Node.
 */
export { type ByteSource, bytesSource } from '../bytes/byte-source.ts';
export type { ErrorCode } from '../errors/code.ts';
export { CodedError, isCoded } from '../errors/coded-error.ts';
export type { Checkpoint, Keep, Member, MemberList, RawMember, ReadOptions, Wanted } from './checkpoint.ts';
export { type ArchiveOptions, openArchive } from './from-archive.ts';
export { type Files, type FilesOptions, filesCheckpoint } from './from-files.ts';
export { type Reopen, type StreamCheckpointOptions, streamCheckpoint } from './from-stream.ts';
export { type TarCheckpointOptions, tarCheckpoint } from './from-tar.ts';
export { type Identity, readIdentity } from './identity.ts';
export { archiveKind, memberNames } from './layout.ts';
export type { Manifest, ManifestMember } from './manifest.ts';
export { type MemberProblem, validateMembers } from './validate.ts';
export { type DigestReport, type VerifyOptions, verifyDigests } from './verify-digests.ts';
