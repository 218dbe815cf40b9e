import { addressText } from '../bytes/ip-address.ts';
import { unixText } from '../bytes/unix-text.ts';
import { wordBytes } from '../criu/crit-json.ts';
import type { FileEntry } from '../gen/criu/files.ts';
import type { InetSkEntry, SkOptsEntry } from '../gen/criu/sockets.ts';
import { netlinkProtocols } from './linux-names.ts';
import type { Packet, TcpStream } from './queues.ts';

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

export interface SocketReport {
  readonly family: 'INET' | 'INET6' | 'UNIX' | 'PACKET' | 'NETLINK' | 'unknown';
  /** `STREAM`, `DGRAM`, `SEQPACKET`, `RAW`, … */
  readonly type: string;
  /** `TCP`, `UDP`, `UDPLITE`, `ICMP`, … ; netlink's protocol; a packet socket's EtherType as `0x0806`. */
  readonly protocol: string;
  /** TCP's states, for all families. */
  readonly state: string;
  readonly inode: number;
  readonly source?: SocketAddress;
  readonly destination?: SocketAddress;
  /** UNIX: the path, `@name` for an abstract one (its zero bytes as `@`), empty for none. */
  readonly path?: string;
  /** UNIX: inode of the other end; 0 for none. */
  readonly peer?: number;
  readonly backlog?: number;
  readonly shutdown?: 'read' | 'write' | 'both';
  readonly sendBuffer: number;
  readonly receiveBuffer: number;
  /** What is set of the options, in the kernel's words: `SO_REUSEADDR`, `TCP_NODELAY`. */
  readonly options: readonly string[];
  readonly interface?: string | number;
  readonly networkNamespace?: number;
  /** Waiting to be read. */
  readonly queue: readonly Packet[];
  readonly stream?: TcpStream;
  /** Netlink: the socket's own port number and the groups it listens to. */
  readonly portId?: number;
  readonly groups?: readonly number[];
}

const types = ['', 'STREAM', 'DGRAM', 'RAW', 'RDM', 'SEQPACKET', 'DCCP', '', '', '', 'PACKET'];

const states = (
  'UNKNOWN ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING ' +
  'NEW_SYN_RECV'
).split(' ');

const protocols: Readonly<Record<number, string>> = {
  0: 'IP',
  1: 'ICMP',
  6: 'TCP',
  17: 'UDP',
  33: 'DCCP',
  58: 'ICMPV6',
  132: 'SCTP',
  136: 'UDPLITE',
  255: 'RAW',
  262: 'MPTCP',
};

/** What is known about an open file that is a socket, or undefined for any other. */
export function socketReport(
  file: FileEntry,
  queue: readonly Packet[] = [],
  stream?: TcpStream | undefined,
): SocketReport | undefined {
  if (file.isk) return inetReport(file.isk, queue, stream);
  if (file.usk) {
    const { usk } = file;
    return {
      family: 'UNIX',
      protocol: '',
      ...common(usk, usk.opts, queue),
      path: unixPath(usk.name),
      peer: usk.peer,
      ...(usk.backlog > 0 && { backlog: usk.backlog }),
      ...shutdownOf(usk.shutdown),
    };
  }
  if (file.psk) {
    const { psk } = file;
    const etherType = ((psk.protocol & 0xff) << 8) | ((psk.protocol >> 8) & 0xff);
    return {
      family: 'PACKET',
      protocol: `0x${etherType.toString(16).padStart(4, '0')}`,
      ...common({ type: psk.type, state: 7, ino: 0, ns_id: psk.ns_id }, psk.opts, queue),
      interface: psk.ifindex,
    };
  }
  return file.nlsk && netlinkReport(file.nlsk, queue);
}

function netlinkReport(nlsk: NonNullable<FileEntry['nlsk']>, queue: readonly Packet[]): SocketReport {
  const groups = nlsk.groups.flatMap((word, at) =>
    Array.from({ length: 32 }, (_, bit) => bit)
      .filter((bit) => (word >>> bit) & 1)
      .map((bit) => at * 32 + bit + 1),
  );
  return {
    family: 'NETLINK',
    protocol: netlinkProtocols[nlsk.protocol] ?? String(nlsk.protocol),
    ...common({ type: 3, state: nlsk.state, ino: nlsk.ino, ns_id: nlsk.ns_id }, nlsk.opts, queue),
    portId: nlsk.portid,
    groups,
  };
}

function inetReport(isk: InetSkEntry, queue: readonly Packet[], stream: TcpStream | undefined): SocketReport {
  const raw = isk.type === 3;
  return {
    family: isk.family === 10 ? 'INET6' : isk.family === 2 ? 'INET' : 'unknown',
    protocol: protocols[isk.proto] ?? String(isk.proto),
    ...common(isk, isk.opts, queue),
    source: { address: addressText(wordBytes(isk.src_addr)), port: raw ? 0 : isk.src_port },
    destination: { address: addressText(wordBytes(isk.dst_addr)), port: isk.dst_port },
    ...(isk.backlog > 0 && { backlog: isk.backlog }),
    ...shutdownOf(isk.shutdown),
    ...(isk.ifname !== undefined && { interface: isk.ifname }),
    options: [...optionNames(isk.opts), ...tcpOptionNames(isk), ...(isk.v6only ? ['IPV6_V6ONLY'] : [])],
    ...(stream && { stream }),
  };
}

function common(
  socket: { type: number; state: number; ino: number; ns_id?: number | undefined },
  opts: SkOptsEntry | undefined,
  queue: readonly Packet[],
) {
  return {
    type: types[socket.type] || String(socket.type),
    state: states[socket.state] ?? String(socket.state),
    inode: socket.ino,
    sendBuffer: opts?.so_sndbuf ?? 0,
    receiveBuffer: opts?.so_rcvbuf ?? 0,
    options: opts ? optionNames(opts) : [],
    ...(socket.ns_id !== undefined && { networkNamespace: socket.ns_id }),
    queue,
  };
}

/** The path in a UNIX address: up to its NUL, or, after a leading NUL, all of it with `@` for each. */
export function unixPath(name: Uint8Array): string {
  if (name[0] === 0) return `@${unixText(name.subarray(1)).replaceAll('\0', '@')}`;
  const nul = name.indexOf(0);
  return unixText(nul < 0 ? name : name.subarray(0, nul));
}

const shutdowns = [undefined, 'read', 'write', 'both'] as const;

function shutdownOf(value: number | undefined): { shutdown?: 'read' | 'write' | 'both' } {
  const shutdown = shutdowns[value ?? 0];
  return shutdown ? { shutdown } : {};
}

const optionWords: readonly (readonly [keyof SkOptsEntry, string])[] = [
  ['reuseaddr', 'SO_REUSEADDR'],
  ['so_reuseport', 'SO_REUSEPORT'],
  ['so_broadcast', 'SO_BROADCAST'],
  ['so_keepalive', 'SO_KEEPALIVE'],
  ['so_passcred', 'SO_PASSCRED'],
  ['so_passsec', 'SO_PASSSEC'],
  ['so_dontroute', 'SO_DONTROUTE'],
  ['so_no_check', 'SO_NO_CHECK'],
];

function optionNames(opts: SkOptsEntry): string[] {
  const words = optionWords.filter(([key]) => opts[key]).map(([, name]) => name);
  if (opts.so_mark) words.push(`SO_MARK=${opts.so_mark}`);
  if (opts.so_priority) words.push(`SO_PRIORITY=${opts.so_priority}`);
  if (opts.so_bound_dev) words.push(`SO_BINDTODEVICE=${opts.so_bound_dev}`);
  if (opts.so_filter.length > 0) words.push('SO_ATTACH_FILTER');
  return words;
}

function tcpOptionNames({ tcp_opts: opts }: InetSkEntry): string[] {
  return [...(opts?.nodelay ? ['TCP_NODELAY'] : []), ...(opts?.cork ? ['TCP_CORK'] : [])];
}
