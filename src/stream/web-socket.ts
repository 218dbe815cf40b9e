import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { CodedError } from '../errors/coded-error.ts';

/** Bytes of one message; the streams of containers come in much smaller ones. */
const largestMessage = 1 << 20;

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

interface Frame {
  final: boolean;
  opcode: number;
  content: Buffer;
}

/** One end of a WebSocket (RFC 6455) over a connection that has been upgraded. Messages are bytes. */
export class WebSocket {
  readonly protocol: string;
  readonly #socket: Duplex;
  readonly #isClient: boolean;
  #buffer: Buffer;
  #closeSent = false;

  /** @param isClient who asked for the upgrade masks what it sends, and takes only what is not masked */
  constructor(socket: Duplex, options: { isClient: boolean; protocol: string; head: Buffer }) {
    this.#socket = socket;
    this.#isClient = options.isClient;
    this.protocol = options.protocol;
    this.#buffer = options.head;
    // Whoever reads or sends learns of it there.
    socket.on('error', () => {});
  }

  /**
   * Messages until the other side closes, or the connection does.
   * @throws CodedError `corrupt` for what is no WebSocket
   */
  async *messages(): AsyncGenerator<Uint8Array> {
    let parts: Buffer[] = [];
    let size = 0;
    for await (const { final, opcode, content } of this.#frames()) {
      if (opcode === opcodes.close) {
        await this.close();
        return;
      }
      if (opcode === opcodes.ping) await this.#send(opcodes.pong, content);
      if (opcode > opcodes.binary) continue;
      size += content.length;
      if (size > largestMessage)
        throw new CodedError('resource-exhausted', `a message has more than ${largestMessage} bytes`);
      parts.push(content);
      if (!final) continue;
      yield parts.length === 1 ? content : Buffer.concat(parts);
      parts = [];
      size = 0;
    }
  }

  /** Resolves when the connection takes more. A connection that is gone takes everything, in vain. */
  send(message: Uint8Array): Promise<void> {
    return this.#send(opcodes.binary, message);
  }

  /** Says that nothing more comes, and hangs up. */
  async close(code = 1000): Promise<void> {
    if (this.#closeSent) return;
    this.#closeSent = true;
    const content = Buffer.alloc(2);
    content.writeUInt16BE(code);
    await this.#send(opcodes.close, content);
    this.#socket.end();
    // Whoever does not hang up as well is not waited for.
    setTimeout(() => this.#socket.destroy(), 2_000).unref();
  }

  /** Hangs up without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  async #send(opcode: number, content: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed || !socket.writable) return;
    socket.cork();
    socket.write(frameHead(opcode, content.length, this.#isClient));
    const flowing = socket.write(this.#isClient ? this.#masked(content) : content);
    socket.uncork();
    if (flowing || socket.destroyed) return;
    const stop = new AbortController();
    const { signal } = stop;
    await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]).catch(
      () => undefined,
    );
    stop.abort();
  }

  /** The mask and the content under it. */
  #masked(content: Uint8Array): Buffer {
    const mask = randomBytes(4);
    const result = Buffer.alloc(4 + content.length);
    mask.copy(result);
    for (let i = 0; i < content.length; i++) result[4 + i] = (content[i] ?? 0) ^ (mask[i & 3] ?? 0);
    return result;
  }

  async *#frames(): AsyncGenerator<Frame> {
    const take = (): Frame | undefined => {
      const found = frameIn(this.#buffer, !this.#isClient);
      if (found) this.#buffer = this.#buffer.subarray(found.size);
      return found?.frame;
    };
    for (let frame = take(); frame; frame = take()) yield frame;
    try {
      for await (const piece of this.#socket as AsyncIterable<Buffer>) {
        this.#buffer = this.#buffer.length === 0 ? piece : Buffer.concat([this.#buffer, piece]);
        for (let frame = take(); frame; frame = take()) yield frame;
      }
    } catch (error) {
      // A connection that breaks is one that is closed: what was to be said is said in a message.
      if (error instanceof CodedError) throw error;
    }
  }
}

function frameHead(opcode: number, length: number, masked: boolean): Buffer {
  const bit = masked ? 0x80 : 0;
  if (length < 126) return Buffer.from([0x80 | opcode, bit | length]);
  const wide = length > 0xffff;
  const head = Buffer.alloc(wide ? 10 : 4);
  head[0] = 0x80 | opcode;
  head[1] = bit | (wide ? 127 : 126);
  if (wide) head.writeBigUInt64BE(BigInt(length), 2);
  else head.writeUInt16BE(length, 2);
  return head;
}

/** The first frame in `bytes`; undefined while it is not complete. */
function frameIn(bytes: Buffer, masked: boolean): { frame: Frame; size: number } | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  if ((first & 0x70) !== 0 || ((second & 0x80) !== 0) !== masked) {
    throw new CodedError('corrupt', 'the other side does not speak the WebSocket protocol');
  }
  const short = second & 0x7f;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  const at = 2 + extra + (masked ? 4 : 0);
  if (bytes.length < 2 + extra) return undefined;
  const length =
    short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (length > largestMessage) {
    throw new CodedError('resource-exhausted', `a frame has ${length} bytes, more than ${largestMessage}`);
  }
  if (bytes.length < at + length) return undefined;
  let content = bytes.subarray(at, at + length);
  if (masked) {
    const mask = bytes.subarray(at - 4, at);
    content = Buffer.from(content.map((byte, index) => byte ^ (mask[index & 3] ?? 0)));
  }
  return { frame: { final: (first & 0x80) !== 0, opcode: first & 0x0f, content }, size: at + length };
}
