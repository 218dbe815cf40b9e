/** Protocol-buffer (proto2) messages described as plain data; the generated tables have this shape. */

export type ScalarKind =
  | 'int32'
  | 'uint32'
  | 'sint32'
  | 'fixed32'
  | 'sfixed32'
  | 'int64'
  | 'uint64'
  | 'sint64'
  | 'fixed64'
  | 'sfixed64'
  | 'bool'
  | 'string'
  | 'bytes';

/** How people like to see a field; the bytes are the same with or without it. */
export interface Display {
  /** A number, or every number below a message, as `0x…`. */
  readonly hex?: boolean;
  /** Words in network order that make up one address. */
  readonly ipAddress?: boolean;
  /** The name of a table of bits. */
  readonly flags?: string;
  /** A device number: minor in the low 20 bits. */
  readonly device?: boolean;
  /** With `device`: in the layout that user space sees. */
  readonly oldDevice?: boolean;
  /** The name of a set of word tables; the field's name selects the table. */
  readonly words?: string;
  /** The notation of bytes that are not written as base64. */
  readonly conversion?: string;
}

export interface Field extends Display {
  readonly no: number;
  readonly name: string;
  readonly kind: ScalarKind | 'enum' | 'message';
  readonly rule: 'optional' | 'required' | 'repeated';
  /** The message, or the names of the numbers of an enum. */
  readonly of?: () => MessageType<unknown> | EnumNames;
  /** How a repeated number is written; either form is read. */
  readonly packed?: boolean;
}

export type EnumNames = Readonly<Record<string, number>>;

/**
 * One message. A value of it is a plain object: 64-bit numbers are bigint, an optional field that is not
 * there has no property, a repeated one is always an array.
 */
export interface MessageType<T> {
  readonly name: string;
  /** By rising number. */
  readonly fields: readonly Field[];
  /** Never there; ties the table to the type of its values. */
  readonly value?: T;
}

/** What a message's properties cannot say, kept so that it can be written as it was. */
export interface Remainder {
  /** Fields that the table does not know, tag included, in the order they came in. */
  unknown: Uint8Array[];
  /** Required fields that were not there: their properties hold a zero value. */
  missing: string[];
}

/** The property that holds the {@link Remainder} of a message that has one. */
export const remainder: unique symbol = Symbol('remainder');

/** What could not be put into properties when `message` was read. */
export function remainderOf(message: object): Remainder | undefined {
  return (message as { [remainder]?: Remainder })[remainder];
}
