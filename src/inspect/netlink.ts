import { addressText } from '../bytes/ip-address.ts';
import { CodedError } from '../errors/coded-error.ts';

/** One message of the routing protocol of netlink, as `ip … save` stores them. */
export interface RouteMessage {
  readonly type: number;
  /** The fixed part that follows the header. */
  readonly head: DataView;
  /** The attributes after it, by number; of several the last. */
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

const headerLength = 16;

/**
 * The messages in a file of `ip address save` or `ip route save`: a magic number, then netlink messages in
 * little-endian order.
 * @param headLengths length of the fixed part by type of message; other types are left out.
 * @throws CodedError `corrupt`
 */
export function routeMessages(
  bytes: Uint8Array,
  magic: number,
  headLengths: Readonly<Record<number, number>>,
  name: string,
): RouteMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 4 || view.getUint32(0, true) !== magic)
    throw broken(name, 'it does not start as it should');
  return netlinkMessages(bytes.subarray(4), headLengths, name);
}

/** The messages in a plain stream of them, as CRIU stores those of connection tracking. @throws CodedError `corrupt` */
export function netlinkMessages(
  bytes: Uint8Array,
  headLengths: Readonly<Record<number, number>>,
  name: string,
): RouteMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messages: RouteMessage[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < headerLength) throw broken(name, 'it is cut off inside a message');
    const length = view.getUint32(at, true);
    const type = view.getUint16(at + 4, true);
    if (length < headerLength || length > bytes.length - at)
      throw broken(name, `a message has ${length} bytes`);
    const headLength = headLengths[type];
    if (headLength !== undefined && length >= headerLength + headLength) {
      const body = bytes.subarray(at + headerLength, at + length);
      const head = new DataView(body.buffer, body.byteOffset, headLength);
      messages.push({ type, head, attributes: attributesOf(body.subarray(headLength), name) });
    }
    at += (length + 3) & ~3;
  }
  return messages;
}

/** Attributes by number, also those inside of another one. @throws CodedError `corrupt` */
export function attributesOf(bytes: Uint8Array, name: string): Map<number, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || length > bytes.length - at) throw broken(name, `an attribute has ${length} bytes`);
    found.set(view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

function broken(name: string, found: string): CodedError {
  return new CodedError('corrupt', `${name}: ${found}`, { data: { file: name } });
}

/** An attribute that is a number of 32 bits. */
export function numberIn(bytes: Uint8Array | undefined): number | undefined {
  return bytes?.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true) : undefined;
}

/** An attribute that is an address of either family. */
export function addressIn(bytes: Uint8Array | undefined): string | undefined {
  return bytes?.length === 4 || bytes?.length === 16 ? addressText(bytes) : undefined;
}
