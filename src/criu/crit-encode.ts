import { base64Bytes } from '../bytes/base64.ts';
import { addressBytes } from '../bytes/ip-address.ts';
import { messageOf } from '../bytes/proto2-decode.ts';
import { encodeMessage } from '../bytes/proto2-encode.ts';
import {
  type EnumNames,
  type Field,
  type MessageType,
  type Remainder,
  remainder,
} from '../bytes/proto2-schema.ts';
import { type JsonValue, parseWideJson } from '../bytes/python-json.ts';
import { quotedBytes } from '../bytes/quoted-printable.ts';
import { CodedError, messageOf as errorText } from '../errors/coded-error.ts';
import { GhostChunkEntry, GhostFileEntry } from '../gen/criu/files.ts';
import { PagemapEntry, PagemapHead } from '../gen/criu/memory.ts';
import { IpcMsg } from '../gen/criu/namespaces.ts';
import { flagNames, numberWords } from './crit-words.ts';
import { encodeImage } from './encode.ts';
import type { Image, ImageEntry } from './image.ts';
import { type ImageKind, kindNamed } from './magic.ts';
import { type Extra, paddingFor } from './payload.ts';

type JsonObject = { readonly [key: string]: JsonValue };

/**
 * The image that `crit decode` wrote as JSON, pretty or not, as the bytes of a file.
 * @throws CodedError `invalid-argument` saying where the text is not what an image looks like.
 */
export function encodeCrit(text: string): Uint8Array<ArrayBuffer> {
  return encodeImage(imageOfCrit(text));
}

/** What {@link encodeCrit} encodes. */
export function imageOfCrit(text: string): Image {
  let value: JsonValue;
  try {
    value = parseWideJson(text);
  } catch (error) {
    throw new CodedError('invalid-argument', `this is not JSON: ${errorText(error)}`, { cause: error });
  }
  if (!isObject(value)) throw wrong('', 'an image is an object with "magic" and "entries"');
  const kind = typeof value['magic'] === 'string' ? kindNamed(value['magic']) : undefined;
  if (!kind) throw wrong('magic', 'no kind of image has this name');
  const { entries } = value;
  if (!Array.isArray(entries)) throw wrong('entries', 'a list is wanted');
  const listed = entries as readonly JsonValue[];
  return {
    kind,
    framing: kind.framing,
    littleEndian: true,
    entries: listed.map((entry, at) => readEntry(kind, entry, at)),
  };
}

function typeOfEntry(kind: ImageKind, at: number): MessageType<unknown> {
  if (kind.payload === 'pagemap') return at === 0 ? PagemapHead : PagemapEntry;
  if (kind.payload === 'ghost') return at === 0 ? GhostFileEntry : GhostChunkEntry;
  return kind.message;
}

function readEntry(kind: ImageKind, value: JsonValue, at: number): ImageEntry {
  const where = `entries[${at}]`;
  if (!isObject(value)) throw wrong(where, 'an object is wanted');
  const { extra, ...fields } = value;
  const type = typeOfEntry(kind, at);
  const message = readMessage(type, fields, where);
  const payload = extra === undefined ? undefined : readExtra(kind, extra, `${where}.extra`);
  return { type, message, raw: encodeMessage(type, message), extra: payload };
}

function readExtra(kind: ImageKind, value: JsonValue, where: string): Extra {
  if (kind.payload === 'none' || kind.payload === 'pagemap')
    throw wrong(where, 'this kind of image has none');
  if (kind.payload === 'tcp') {
    if (!isObject(value)) throw wrong(where, 'an object is wanted');
    return { kind: 'tcp', inq: bytesOf(value['inq'], where), outq: bytesOf(value['outq'], where) };
  }
  if (kind.payload === 'ipc-sem') {
    const values = listOf(value, where).map(Number);
    return { kind: 'semaphores', values, padding: new Uint8Array(paddingFor(values.length * 2, 8)) };
  }
  if (kind.payload === 'ipc-msg') return readQueue(listOf(value, where), where);
  const bytes = bytesOf(value, where);
  const padding = kind.payload === 'ipc-shm' ? paddingFor(bytes.length, 4) : 0;
  return { kind: 'bytes', bytes, padding: new Uint8Array(padding) };
}

/** A message and its text by turns. */
function readQueue(values: readonly JsonValue[], where: string): Extra {
  const messages = [];
  for (let at = 0; at < values.length; at += 2) {
    const head = values[at];
    if (head === undefined || !isObject(head)) throw wrong(`${where}[${at}]`, 'an object is wanted');
    const message = readMessage(IpcMsg, head, `${where}[${at}]`) as IpcMsg;
    const data = bytesOf(values[at + 1], `${where}[${at + 1}]`);
    const padding = new Uint8Array(paddingFor(data.length, 8));
    messages.push({ type: IpcMsg, message, raw: encodeMessage(IpcMsg, message), data, padding });
  }
  return { kind: 'messages', messages };
}

function readMessage(type: MessageType<unknown>, value: JsonObject, where: string): unknown {
  const message: Record<string | symbol, unknown> = {};
  const missing: string[] = [];
  const known = new Set(type.fields.map(({ name }) => name));
  const odd = Object.keys(value).find((key) => !known.has(key));
  if (odd !== undefined) throw wrong(`${where}.${odd}`, `a ${type.name} has no such field`);
  for (const field of type.fields) {
    const given = value[field.name];
    const place = `${where}.${field.name}`;
    if (given === undefined) {
      if (field.rule === 'repeated') message[field.name] = [];
      else if (field.rule === 'required') missing.push(field.name);
    } else if (field.rule === 'repeated') message[field.name] = readList(field, listOf(given, place), place);
    else message[field.name] = readField(field, given, place);
  }
  if (missing.length > 0) message[remainder] = { unknown: [], missing } satisfies Remainder;
  return message;
}

function readList(field: Field, values: readonly JsonValue[], where: string): unknown[] {
  const [first] = values;
  if (field.ipAddress && typeof first === 'string') {
    const bytes = addressBytes(first);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({ length: bytes.length / 4 }, (_, at) => view.getUint32(at * 4, true));
  }
  return values.map((value, at) => readField(field, value, `${where}[${at}]`));
}

function readField(field: Field, value: JsonValue, where: string): unknown {
  switch (field.kind) {
    case 'message':
      if (!isObject(value)) throw wrong(where, 'an object is wanted');
      return readMessage(messageOf(field), value, where);
    case 'bytes':
      return field.conversion && typeof value === 'string' ? quotedBytes(value) : bytesOf(value, where);
    case 'enum': {
      const names = field.of?.() as EnumNames | undefined;
      const number = names?.[String(value)];
      if (number === undefined) throw wrong(where, `no value is named ${JSON.stringify(value)}`);
      return number;
    }
    case 'string':
      if (typeof value !== 'string') throw wrong(where, 'a text is wanted');
      return value;
    case 'bool':
      if (typeof value !== 'boolean') throw wrong(where, 'true or false is wanted');
      return value;
    default:
      return readNumber(field, value, where);
  }
}

function readNumber(field: Field, value: JsonValue, where: string): number | bigint {
  const number = typeof value === 'string' ? numberOfText(field, value, where) : value;
  if (typeof number === 'number' && !Number.isInteger(number)) throw wrong(where, 'a whole number is wanted');
  if (typeof number !== 'number' && typeof number !== 'bigint') throw wrong(where, 'a number is wanted');
  const wide = field.kind.endsWith('64');
  const exact = BigInt(number);
  const signed = !/^(u|fixed)/.test(field.kind);
  const bits = wide ? 64 : 32;
  const fits = signed ? BigInt.asIntN(bits, exact) === exact : BigInt.asUintN(bits, exact) === exact;
  if (!fits) throw wrong(where, `${exact} does not fit into ${field.kind}`);
  return wide ? exact : Number(exact);
}

function numberOfText(field: Field, text: string, where: string): bigint {
  const plain = textNumber(text);
  if (plain !== undefined) return plain;
  if (field.device) {
    const [major, minor] = text.split(':').map((part) => textNumber(part));
    if (major === undefined || minor === undefined) throw wrong(where, 'a device is written major:minor');
    if (!field.oldDevice) return (major << 20n) | minor;
    return (
      ((major & 0xfffn) << 8n) | ((major & ~0xfffn) << 32n) | (minor & 0xffn) | ((minor & ~0xffn) << 12n)
    );
  }
  if (field.words) {
    const words = Object.entries(numberWords[field.words]?.[field.name] ?? {});
    const found = words.find(([, word]) => word === text);
    if (found) return BigInt(found[0]);
  }
  if (field.flags) return flagsOfText(field.flags, text, where);
  throw wrong(where, `${JSON.stringify(text)} is not a number`);
}

function flagsOfText(table: string, text: string, where: string): bigint {
  if (text === '') return 0n;
  let sum = 0n;
  for (const word of text.split('|').map((part) => part.trim())) {
    const bit = flagNames[table]?.find(([name]) => name === word)?.[1] ?? textNumber(word);
    if (bit === undefined) throw wrong(where, `no flag is named ${JSON.stringify(word)}`);
    sum |= BigInt(bit);
  }
  return sum;
}

function textNumber(text: string): bigint | undefined {
  const match = /^(-?)(0x[0-9a-f]+|\d+)$/i.exec(text.trim());
  return match ? (match[1] ? -BigInt(match[2] ?? '') : BigInt(match[2] ?? '')) : undefined;
}

function listOf(value: JsonValue, where: string): readonly JsonValue[] {
  if (!Array.isArray(value)) throw wrong(where, 'a list is wanted');
  return value as readonly JsonValue[];
}

function bytesOf(value: JsonValue | undefined, where: string): Uint8Array {
  if (typeof value !== 'string') throw wrong(where, 'a text in base64 is wanted');
  return base64Bytes(value);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrong(where: string, message: string): CodedError {
  return new CodedError('invalid-argument', `${where || 'the image'}: ${message}`, { data: { where } });
}
