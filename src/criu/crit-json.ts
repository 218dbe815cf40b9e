import { base64Text } from '../bytes/base64.ts';
import { addressText } from '../bytes/ip-address.ts';
import { messageOf } from '../bytes/proto2-decode.ts';
import { type EnumNames, type Field, type MessageType, remainderOf } from '../bytes/proto2-schema.ts';
import { type JsonValue, pythonJson } from '../bytes/python-json.ts';
import { quotedText } from '../bytes/quoted-printable.ts';
import { flagNames, numberWords } from './crit-words.ts';
import type { Image, ImageEntry } from './image.ts';
import type { Extra } from './payload.ts';

export interface CritOptions {
  /** Numbers in the form their field asks for (hexadecimal, flags, addresses), several lines. */
  pretty?: boolean;
  /** Leave out what follows the messages; say how much it is. */
  noPayload?: boolean;
}

/** The JSON text that `crit decode` (`crit show`: pretty) writes for an image, without the last newline. */
export function critText(image: Image, options: CritOptions = {}): string {
  return pythonJson(critValue(image, options), options.pretty ? 4 : undefined);
}

/** What {@link critText} writes, as a value. */
export function critValue(image: Image, options: CritOptions = {}): { [key: string]: JsonValue } {
  return { magic: image.kind.name, entries: image.entries.map((entry) => entryValue(entry, options)) };
}

/** What `crit info` says: the kind of image and how many entries it has; a pagemap's head is not counted. */
export function critInfo(image: Image): { magic: string; count: number } {
  const heads = image.kind.payload === 'pagemap' ? 1 : 0;
  return { magic: image.kind.name, count: image.entries.length - heads };
}

function entryValue(
  { type, message, extra }: ImageEntry,
  options: CritOptions,
): { [key: string]: JsonValue } {
  const value = messageValue(type, message, options.pretty ?? false, false);
  if (!extra) return value;
  if (!options.noPayload) return { ...value, extra: extraValue(extra) };
  return type.name.startsWith('Ghost')
    ? value
    : { ...value, extra: `... <${humanSize(extraLength(extra))}>` };
}

function extraValue(extra: Extra): JsonValue {
  switch (extra.kind) {
    case 'bytes':
      return lines(extra.bytes);
    case 'tcp':
      return { inq: lines(extra.inq), outq: lines(extra.outq) };
    case 'semaphores':
      return extra.values;
    case 'messages':
      return extra.messages.flatMap((one) => [
        messageValue(one.type, one.message, false, false),
        lines(one.data),
      ]);
  }
}

function extraLength(extra: Extra): number {
  if (extra.kind === 'bytes') return extra.bytes.length;
  if (extra.kind === 'tcp') return extra.inq.length + extra.outq.length;
  if (extra.kind === 'semaphores') return extra.values.length * 2;
  return extra.messages.reduce((sum, one) => sum + one.raw.length + one.data.length, 0);
}

function humanSize(length: number): string {
  let value = length;
  for (const unit of ['', 'K', 'M', 'G', 'T']) {
    if (value < 1024) return `${Number.isInteger(value) ? value : value.toFixed(1)}${unit}B`;
    value /= 1024;
  }
  return `${value.toFixed(1)}PB`;
}

function lines(bytes: Uint8Array): string {
  return base64Text(bytes, 76);
}

/** A message as crit shows it: the fields that are there, by number. `hex` comes from a field around it. */
function messageValue<T>(
  type: MessageType<T>,
  message: T,
  pretty: boolean,
  hex: boolean,
): { [key: string]: JsonValue } {
  const missing = remainderOf(message as object)?.missing;
  const out: { [key: string]: JsonValue } = {};
  for (const field of type.fields) {
    const value = (message as Record<string, unknown>)[field.name];
    if (value === undefined || missing?.includes(field.name)) continue;
    const shown =
      field.rule === 'repeated'
        ? listValue(field, value as unknown[], pretty, hex)
        : fieldValue(field, value, pretty, hex);
    if (shown !== undefined) out[field.name] = shown;
  }
  return out;
}

function listValue(
  field: Field,
  values: readonly unknown[],
  pretty: boolean,
  hex: boolean,
): JsonValue | undefined {
  if (values.length === 0) return undefined;
  if (pretty && field.ipAddress && (values.length === 1 || values.length === 4)) {
    return [addressText(wordBytes(values as number[]))];
  }
  return values.map((value) => fieldValue(field, value, pretty, hex)).filter((value) => value !== undefined);
}

/** Words in the order in which an x86 holds them, as bytes. */
export function wordBytes(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [at, word] of words.entries()) view.setUint32(at * 4, word, true);
  return bytes;
}

function fieldValue(
  field: Field,
  value: unknown,
  pretty: boolean,
  hexAround: boolean,
): JsonValue | undefined {
  const hex = hexAround || (field.hex ?? false);
  switch (field.kind) {
    case 'message':
      return messageValue(messageOf(field), value, pretty, hex);
    case 'bytes':
      return field.conversion ? quotedText(value as Uint8Array) : lines(value as Uint8Array);
    case 'enum':
      // A value without a name is left out, as Python does not see it either.
      return Object.entries(field.of?.() as EnumNames).find(([, number]) => number === value)?.[0];
    case 'bool':
    case 'string':
      return value as boolean | string;
    default:
      return pretty ? prettyNumber(field, value as number | bigint, hex) : (value as number | bigint);
  }
}

function prettyNumber(field: Field, value: number | bigint, hex: boolean): JsonValue {
  if (hex) return `0x${value.toString(16)}`.replace('0x-', '-0x');
  if (field.device) return deviceText(BigInt(value), field.oldDevice ?? false);
  if (field.flags) return flagsText(value, flagNames[field.flags]);
  if (field.words) return numberWords[field.words]?.[field.name]?.[Number(value)] ?? value;
  return value;
}

/** `major:minor` of a device number: the kernel's own layout, or the one that user space sees. */
export function deviceText(device: bigint, userLayout = false): string {
  if (!userLayout) return `${device >> 20n}:${device & 0xfffffn}`;
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

function flagsText(value: number | bigint, names: (typeof flagNames)[string] | undefined): string {
  let rest = BigInt(value);
  if (!names) return `0x${rest.toString(16)}`;
  const words: string[] = [];
  for (const [name, bit] of names) {
    if ((rest & BigInt(bit)) === 0n) continue;
    words.push(name);
    rest &= ~BigInt(bit);
  }
  if (rest) words.push(`0x${rest.toString(16)}`);
  return words.join(' | ');
}
