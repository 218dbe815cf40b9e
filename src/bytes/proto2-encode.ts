import { messageOf, wireTypeOf } from './proto2-decode.ts';
import { type Field, type MessageType, remainderOf } from './proto2-schema.ts';
import { unixBytes } from './unix-text.ts';

/**
 * `message` in protocol-buffer form: fields by rising number, then those that the table does not know.
 * A required field that was missing when the message was read stays missing while its value is zero.
 */
export function encodeMessage<T>(type: MessageType<T>, message: T): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writeMessage(type, message as Properties, writer);
  return writer.bytes();
}

type Properties = Record<string, unknown>;

class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === 'number' && value >= 0) {
      let rest = value;
      for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#bytes[this.#length++] = (rest % 128) | 0x80;
      this.#bytes[this.#length++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#length++] = Number(rest);
  }

  fixed(value: bigint, length: 4 | 8): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
    this.append(bytes.subarray(0, length));
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const wider = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    wider.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = wider;
  }
}

function writeMessage(type: MessageType<unknown>, message: Properties, writer: Writer): void {
  const rest = remainderOf(message);
  for (const field of type.fields) {
    const value = message[field.name];
    if (value === undefined || value === null) continue;
    if (rest?.missing.includes(field.name) && isZero(field, value)) continue;
    if (field.rule !== 'repeated') writeField(field, value, writer);
    else if (field.packed) writePacked(field, value as unknown[], writer);
    else for (const one of value as unknown[]) writeField(field, one, writer);
  }
  for (const bytes of rest?.unknown ?? []) writer.append(bytes);
}

function isZero(field: Field, value: unknown): boolean {
  if (field.kind === 'message') return encodeMessage(messageOf(field), value).length === 0;
  return value instanceof Uint8Array ? value.length === 0 : !value;
}

function writeField(field: Field, value: unknown, writer: Writer): void {
  writer.varint(field.no * 8 + wireTypeOf(field));
  writeValue(field, value, writer);
}

function writePacked(field: Field, values: readonly unknown[], writer: Writer): void {
  if (values.length === 0) return;
  const inner = new Writer();
  for (const value of values) writeValue(field, value, inner);
  writer.varint(field.no * 8 + 2);
  writeDelimited(inner.bytes(), writer);
}

function writeDelimited(bytes: Uint8Array, writer: Writer): void {
  writer.varint(bytes.length);
  writer.append(bytes);
}

function writeValue(field: Field, value: unknown, writer: Writer): void {
  const wire = wireTypeOf(field);
  if (wire === 2) writeDelimited(contentOf(field, value), writer);
  else if (wire === 0) writer.varint(varintOf(field, value as number | bigint | boolean));
  else writer.fixed(BigInt(value as number | bigint), wire === 1 ? 8 : 4);
}

function contentOf(field: Field, value: unknown): Uint8Array {
  if (field.kind === 'string') return unixBytes(value as string);
  return field.kind === 'bytes' ? (value as Uint8Array) : encodeMessage(messageOf(field), value);
}

function varintOf(field: Field, value: number | bigint | boolean): number | bigint {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (field.kind === 'sint32') return ((Number(value) << 1) ^ (Number(value) >> 31)) >>> 0;
  if (field.kind === 'sint64') return (BigInt(value) << 1n) ^ (BigInt(value) >> 63n);
  return value;
}
