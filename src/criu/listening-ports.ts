import { CodedError } from '../errors/coded-error.ts';
import type { FileEntry } from '../gen/criu/files.ts';
import type { InetSkEntry } from '../gen/criu/sockets.ts';
import { encodeImage } from './encode.ts';
import { decodeImage } from './image.ts';

const tcp = 6;
const listening = 10;
const highestPort = 65535;

/** A port that was changed, once for each socket. */
export interface PortChange {
  /** Id of the open file. */
  readonly file: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Makes listening TCP sockets listen on other ports. Everything else in the image stays byte for byte; sockets
 * that are connected keep their ports, because their peers know them.
 * @param bytes `files.img`, or `inetsk.img` of an older set.
 * @throws CodedError `invalid-argument` for a port that cannot be, `failed-precondition` when two sockets would
 *   listen on one address and port, `corrupt` for the image.
 */
export function remapListeningPorts(
  bytes: Uint8Array,
  ports: ReadonlyMap<number, number>,
): { bytes: Uint8Array; changes: PortChange[] } {
  for (const port of [...ports.keys(), ...ports.values()]) {
    if (Number.isInteger(port) && port > 0 && port <= highestPort) continue;
    throw new CodedError('invalid-argument', `${port} is no TCP port`);
  }
  const image = decodeImage(bytes, 'files.img');
  const changes: PortChange[] = [];
  const taken = new Set<string>();
  for (const { message } of image.entries) {
    const socket = image.kind.name === 'INETSK' ? (message as InetSkEntry) : (message as FileEntry).isk;
    if (socket?.proto !== tcp || socket.state !== listening) continue;
    const to = ports.get(socket.src_port);
    if (to !== undefined) {
      changes.push({ file: socket.id, from: socket.src_port, to });
      socket.src_port = to;
    }
    claim(taken, socket);
  }
  return { bytes: encodeImage(image), changes };
}

function claim(taken: Set<string>, socket: InetSkEntry): void {
  const key = `${socket.ns_id ?? 0} ${socket.family} ${socket.src_addr.join('.')} ${socket.src_port}`;
  if (taken.has(key) && !socket.opts?.so_reuseport) {
    throw new CodedError('failed-precondition', `two sockets would listen on TCP port ${socket.src_port}`);
  }
  taken.add(key);
}
