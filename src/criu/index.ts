/**
 * The library `stasis/criu`: CRIU's images, read and written, in Node and in browsers. Nothing in it touches
 * files, clocks or the network: bytes come in as arrays or through `ByteSource`.
 */
export { type ByteSource, bytesSource, sliceSource } from '../bytes/byte-source.ts';
export { decodeMessage } from '../bytes/proto2-decode.ts';
export { encodeMessage } from '../bytes/proto2-encode.ts';
export type { EnumNames, Field, MessageType, Remainder } from '../bytes/proto2-schema.ts';
export { remainderOf } from '../bytes/proto2-schema.ts';
export type { ErrorCode } from '../errors/code.ts';
export { CodedError, isCoded } from '../errors/coded-error.ts';
export { encodeCrit, imageOfCrit } from './crit-encode.ts';
export { exploreFds, exploreMems, explorePs, exploreRss, exploreSk } from './crit-explore.ts';
export { type CritOptions, critInfo, critText, critValue } from './crit-json.ts';
export { encodeImage } from './encode.ts';
export { FileTable, fileTypeName } from './file-table.ts';
export { decodeImage, type Image, type ImageEntry, type ImageLimits, readHeader } from './image.ts';
export { type ImageFiles, ImageSet, type ImageSetLimits } from './image-set.ts';
export { type PortChange, remapListeningPorts } from './listening-ports.ts';
export { type ImageKind, imageKinds, kindNamed, kindOfFile, kindOfMagic } from './magic.ts';
export { decodePagemap, type Pagemap, pageFlags, pageSizeOf } from './pagemap.ts';
export { Memory, type MemoryRun } from './pages.ts';
export type { Extra, QueuedMessage } from './payload.ts';
