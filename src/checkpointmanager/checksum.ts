import { utf8 } from '../bytes/text.ts';
import { goSyntaxBytes } from './go-syntax.ts';
import { type GoType, named, uint64 } from './go-type.ts';

/** The type of a checksum field. In a file it is a plain number of at most 64 bits. */
export const checksumType: GoType<bigint> = named('checksum.Checksum', uint64);

/** FNV-1a with 32 bits, zero-extended: what the kubelet uses nearly everywhere. */
export function fnv32a(bytes: Uint8Array): bigint {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return BigInt(hash >>> 0);
}

/** The checksum of a value: FNV-1a over its printed form in Go. */
export function checksumOf<V>(type: GoType<V>, value: V): bigint {
  return fnv32a(goSyntaxBytes(type, value));
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32/IEEE, which the DRA manager's files have since 1.31. */
export function crc32(bytes: Uint8Array): bigint {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (crcTable[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return BigInt((crc ^ 0xffffffff) >>> 0);
}

/** CRC-32/IEEE of a text's UTF-8 bytes. */
export function crc32OfText(text: string): bigint {
  return crc32(utf8(text));
}
