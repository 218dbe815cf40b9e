import { concat } from '../bytes/concat.ts';
import { decodeMessage } from '../bytes/proto2-decode.ts';
import { encodeMessage } from '../bytes/proto2-encode.ts';
import type { MessageType } from '../bytes/proto2-schema.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { Image } from './image.ts';
import { commonMagic, serviceMagic } from './magic.ts';
import type { Extra, QueuedMessage } from './payload.ts';

/**
 * The bytes of an image file. What was not changed since it was decoded comes out byte for byte as it was,
 * however it had been written; what was changed comes out in CRIU's own form.
 * @throws CodedError `invalid-argument` when a message is too long for its size word.
 */
export function encodeImage(image: Image): Uint8Array<ArrayBuffer> {
  const word = (value: number): Uint8Array => uint32(value, image.littleEndian);
  const pieces: Uint8Array[] = [];
  if (image.framing !== 'plain') pieces.push(word(image.framing === 'service' ? serviceMagic : commonMagic));
  pieces.push(word(image.kind.magic));
  for (const entry of image.entries) {
    const bytes = messageBytes(entry.type, entry.message, entry.raw);
    pieces.push(word(bytes.length), bytes, ...extraPieces(entry.extra, image.littleEndian));
  }
  return concat(pieces);
}

/** `raw` while `message` still says the same, else the message in its canonical form. */
function messageBytes<T>(type: MessageType<T>, message: T, raw: Uint8Array | undefined): Uint8Array {
  const bytes = encodeMessage(type, message);
  if (bytes.length > 0xffff_ffff) throw new CodedError('invalid-argument', `a ${type.name} is too long`);
  if (!raw || equal(bytes, raw)) return raw ?? bytes;
  return equal(bytes, encodeMessage(type, decodeMessage(type, raw))) ? raw : bytes;
}

function extraPieces(extra: Extra | undefined, littleEndian: boolean): Uint8Array[] {
  switch (extra?.kind) {
    case undefined:
      return [];
    case 'bytes':
      return [extra.bytes, extra.padding];
    case 'tcp':
      return [extra.inq, extra.outq];
    case 'messages':
      return extra.messages.flatMap((one) => queuedPieces(one, littleEndian));
    case 'semaphores': {
      const values = new Uint8Array(extra.values.length * 2);
      const view = new DataView(values.buffer);
      for (const [at, value] of extra.values.entries()) view.setUint16(at * 2, value, littleEndian);
      return [values, extra.padding];
    }
  }
}

function queuedPieces(one: QueuedMessage, littleEndian: boolean): Uint8Array[] {
  const bytes = messageBytes(one.type, one.message, one.raw);
  return [uint32(bytes.length, littleEndian), bytes, one.data, one.padding];
}

function uint32(value: number, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, littleEndian);
  return bytes;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
