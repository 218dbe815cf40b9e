/**
 * `stasis/checkpointmanager`: small state that a program must never lose, in files that are compatible with those
 * of the kubelet. The store for files is `stasis/checkpointmanager/file-store`. See docs/checkpointmanager.md.
 */
export { CodedError, isCoded } from '../errors/coded-error.ts';
export { checksumOf, checksumType, crc32, fnv32a } from './checksum.ts';
export { type ChecksumRule, crcOfTextField, partOfStruct, textField, wholeStruct } from './checksum-rule.ts';
export {
  type CheckpointDefinition,
  defineCheckpoint,
  type Migrated,
  type Migrating,
  type MigrationFacts,
  type Seen,
  type Version,
  version,
  versionInText,
} from './define.ts';
export { DefinedCheckpoint, KeptValue } from './defined-checkpoint.ts';
export { CheckpointNotFoundError, CorruptCheckpointError, validateKey } from './errors.ts';
export { decodeJson } from './go-json.ts';
export { encodeJson } from './go-json-encode.ts';
export { goSyntax } from './go-syntax.ts';
export * as go from './go-type.ts';
export { type Checkpoint, CheckpointManager } from './manager.ts';
export { MemoryStore } from './memory-store.ts';
export { type MigrationCase, type MigrationCaseOptions, migrationCases } from './migration-cases.ts';
export { type Random, randomValue, seeded } from './random-value.ts';
export { KeyNotFoundError, type Store } from './store.ts';
