import { CodedError } from '../errors/coded-error.ts';
import { type Field, type MessageType, type Remainder, remainder } from './proto2-schema.ts';
import { unixText } from './unix-text.ts';

/** Deeper nesting than any format has; stops messages made to exhaust the stack. */
const maxDepth = 64;

const wireTypes = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;

/** The message in the whole of `bytes`. @throws CodedError `corrupt` */
export function decodeMessage<T>(type: MessageType<T>, bytes: Uint8Array): T {
  const reader: Reader = { bytes, at: 0, end: bytes.length, what: type.name };
  return readMessage(type, reader, 0) as T;
}

interface Reader {
  bytes: Uint8Array;
  at: number;
  end: number;
  /** The outermost message, for errors. */
  what: string;
}

type Properties = Record<string | symbol, unknown>;

const byNumber = new WeakMap<MessageType<unknown>, (Field | undefined)[]>();

function fieldsByNumber(type: MessageType<unknown>): (Field | undefined)[] {
  let index = byNumber.get(type);
  if (!index) {
    index = [];
    for (const field of type.fields) index[field.no] = field;
    byNumber.set(type, index);
  }
  return index;
}

function readMessage(type: MessageType<unknown>, reader: Reader, depth: number): unknown {
  if (depth > maxDepth) throw broken(reader, `messages nested more than ${maxDepth} deep`);
  const index = fieldsByNumber(type);
  const message: Properties = {};
  const unknown: Uint8Array[] = [];
  for (const field of type.fields) if (field.rule === 'repeated') message[field.name] = [];
  while (reader.at < reader.end) {
    const start = reader.at;
    const tag = readUint32(reader);
    const field = index[tag >>> 3];
    if (field && readField(field, message, tag & 7, reader, depth)) continue;
    skipField(tag, reader);
    unknown.push(reader.bytes.slice(start, reader.at));
  }
  const missing = fillMissing(type, message);
  if (unknown.length > 0 || missing.length > 0) message[remainder] = { unknown, missing } satisfies Remainder;
  return message;
}

function fillMissing(type: MessageType<unknown>, message: Properties): string[] {
  const missing: string[] = [];
  for (const field of type.fields) {
    if (field.rule !== 'required' || field.name in message) continue;
    message[field.name] = zeroOf(field);
    missing.push(field.name);
  }
  return missing;
}

function zeroOf(field: Field): unknown {
  if (field.kind === 'message') return decodeMessage(messageOf(field), new Uint8Array());
  if (field.kind === 'string') return '';
  if (field.kind === 'bytes') return new Uint8Array();
  if (field.kind === 'bool') return false;
  return field.kind.endsWith('64') ? 0n : 0;
}

/** The type of the messages in `field`, which is known to hold messages. */
export function messageOf(field: Field): MessageType<unknown> {
  return field.of?.() as MessageType<unknown>;
}

/** The one wire type in which a single value of `field` is written. */
export function wireTypeOf(field: Field): number {
  const { kind } = field;
  if (kind === 'message' || kind === 'string' || kind === 'bytes') return wireTypes.delimited;
  if (kind === 'fixed32' || kind === 'sfixed32') return wireTypes.fixed32;
  return kind === 'fixed64' || kind === 'sfixed64' ? wireTypes.fixed64 : wireTypes.varint;
}

/** Reads one field's value; false, with nothing read, when it is written in a form the field cannot have. */
function readField(field: Field, into: Properties, wire: number, reader: Reader, depth: number): boolean {
  const own = wireTypeOf(field);
  const values = into[field.name];
  if (wire === own) {
    const value = readValue(field, reader, depth);
    if (field.rule === 'repeated') (values as unknown[]).push(value);
    else into[field.name] = value;
    return true;
  }
  if (field.rule !== 'repeated' || wire !== wireTypes.delimited) return false;
  const outer = enter(reader);
  while (reader.at < reader.end) (values as unknown[]).push(readValue(field, reader, depth));
  reader.end = outer;
  return true;
}

function readValue(field: Field, reader: Reader, depth: number): unknown {
  switch (field.kind) {
    case 'uint32':
      return readUint32(reader);
    case 'int32':
    case 'enum':
      return readUint32(reader) | 0;
    case 'uint64':
      return readUint64(reader);
    case 'int64':
      return BigInt.asIntN(64, readUint64(reader));
    case 'bool':
      return readUint64(reader) !== 0n;
    case 'message': {
      const outer = enter(reader);
      const value = readMessage(messageOf(field), reader, depth + 1);
      reader.end = outer;
      return value;
    }
    default:
      return readRareValue(field, reader);
  }
}

function readRareValue(field: Field, reader: Reader): unknown {
  switch (field.kind) {
    case 'sint32': {
      const value = readUint32(reader);
      return (value >>> 1) ^ -(value & 1);
    }
    case 'sint64': {
      const value = readUint64(reader);
      return (value >> 1n) ^ -(value & 1n);
    }
    case 'fixed32':
      return fixedView(reader, 4).getUint32(0, true);
    case 'sfixed32':
      return fixedView(reader, 4).getInt32(0, true);
    case 'fixed64':
      return fixedView(reader, 8).getBigUint64(0, true);
    case 'sfixed64':
      return fixedView(reader, 8).getBigInt64(0, true);
    default: {
      const bytes = take(reader, readLength(reader));
      return field.kind === 'string' ? unixText(bytes) : bytes.slice();
    }
  }
}

function skipField(tag: number, reader: Reader): void {
  const wire = tag & 7;
  if (tag >>> 3 === 0) throw broken(reader, 'a field with the number 0');
  if (wire === wireTypes.varint) readUint64(reader);
  else if (wire === wireTypes.fixed64) take(reader, 8);
  else if (wire === wireTypes.delimited) take(reader, readLength(reader));
  else if (wire === wireTypes.fixed32) take(reader, 4);
  else throw broken(reader, `a field written in the unknown form ${wire}`);
}

/** Goes into a length-delimited value; the answer is the `end` to go back to. */
function enter(reader: Reader): number {
  const length = readLength(reader);
  const outer = reader.end;
  reader.end = reader.at + length;
  return outer;
}

function readLength(reader: Reader): number {
  const length = readUint64(reader);
  if (length > BigInt(reader.end - reader.at)) {
    throw broken(reader, `a value of ${length} bytes where ${reader.end - reader.at} are left`);
  }
  return Number(length);
}

function take(reader: Reader, length: number): Uint8Array {
  if (length > reader.end - reader.at) throw broken(reader, 'the end inside a value');
  reader.at += length;
  return reader.bytes.subarray(reader.at - length, reader.at);
}

function fixedView(reader: Reader, length: number): DataView {
  const bytes = take(reader, length);
  return new DataView(bytes.buffer, bytes.byteOffset, length);
}

/** The low 32 bits of a varint, unsigned. */
function readUint32(reader: Reader): number {
  const { bytes } = reader;
  const first = bytes[reader.at] ?? 0;
  if (first < 0x80 && reader.at < reader.end) {
    reader.at += 1;
    return first;
  }
  return Number(readUint64(reader) & 0xffffffffn);
}

function readUint64(reader: Reader): bigint {
  const { bytes, end } = reader;
  let low = 0;
  let high = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (reader.at >= end) throw broken(reader, 'the end inside a number');
    const byte = bytes[reader.at++] ?? 0;
    const bits = byte & 0x7f;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high = bits >>> 4;
    } else high |= bits << (shift - 32);
    if (byte < 0x80) return high === 0 ? BigInt(low >>> 0) : (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  }
  throw broken(reader, 'a number of more than 10 bytes');
}

function broken(reader: Reader, found: string): CodedError {
  return new CodedError('corrupt', `reading a ${reader.what}: ${found}, at byte ${reader.at}`, {
    data: { offset: reader.at, message: reader.what },
  });
}
