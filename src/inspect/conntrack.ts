import { textOf } from '../bytes/text.ts';
import { type BitNames, bitNames } from './linux-names.ts';
import { addressIn, attributesOf, netlinkMessages } from './netlink.ts';

/** One direction of a connection. */
export interface ConnectionEnd {
  readonly source: string;
  readonly destination: string;
}

/** What the kernel's connection tracking knew of one connection. */
export interface TrackedConnection {
  readonly protocol: string;
  /** Of TCP and SCTP. */
  readonly state?: string;
  readonly original: ConnectionEnd;
  readonly reply: ConnectionEnd;
  readonly status: readonly string[];
  /** Seconds that were left. */
  readonly timeout?: number;
  readonly mark?: number;
  readonly zone?: number;
  /** `ftp`, `sip`, … */
  readonly trackedBy?: string;
}

/** A connection that a helper of the kernel waits for. */
export interface ExpectedConnection {
  readonly protocol: string;
  readonly expected: ConnectionEnd;
  readonly mask: ConnectionEnd;
  /** The connection that made it expected. */
  readonly master: ConnectionEnd;
  readonly timeout?: number;
  readonly trackedBy?: string;
}

/** Numbers of linux/netfilter/nfnetlink_conntrack.h. */
const newConnection = 0x100;
const newExpectation = 0x200;
const headLength = 4;

type Attributes = ReadonlyMap<number, Uint8Array>;

/** What `netns-ct-N.img` holds. @throws CodedError `corrupt` */
export function trackedConnections(bytes: Uint8Array, name: string): TrackedConnection[] {
  return netlinkMessages(bytes, { [newConnection]: headLength }, name).map(({ attributes }) => {
    const original = tupleIn(attributes.get(1), name);
    const state = stateIn(attributes.get(4), original.number, name);
    const helper = attributes.get(5);
    return {
      protocol: original.protocol,
      ...(state !== undefined && { state }),
      original: original.end,
      reply: tupleIn(attributes.get(2), name).end,
      status: bitNames(wide(attributes.get(3)) ?? 0, statusBits),
      ...numbers({ timeout: wide(attributes.get(7)), mark: wide(attributes.get(8)) }),
      ...numbers({ zone: narrow(attributes.get(18)) }),
      ...named(helper && attributesOf(helper, name).get(1)),
    };
  });
}

/** What `netns-exp-N.img` holds. @throws CodedError `corrupt` */
export function expectedConnections(bytes: Uint8Array, name: string): ExpectedConnection[] {
  return netlinkMessages(bytes, { [newExpectation]: headLength }, name).map(({ attributes }) => {
    const expected = tupleIn(attributes.get(2), name);
    return {
      protocol: expected.protocol,
      expected: expected.end,
      mask: tupleIn(attributes.get(3), name).end,
      master: tupleIn(attributes.get(1), name).end,
      ...numbers({ timeout: wide(attributes.get(4)) }),
      ...named(attributes.get(6)),
    };
  });
}

const protocols = new Map([
  [1, 'ICMP'],
  [6, 'TCP'],
  [17, 'UDP'],
  [33, 'DCCP'],
  [47, 'GRE'],
  [58, 'ICMPv6'],
  [132, 'SCTP'],
  [136, 'UDPLITE'],
]);

interface Tuple {
  number: number;
  protocol: string;
  end: ConnectionEnd;
}

function tupleIn(bytes: Uint8Array | undefined, name: string): Tuple {
  const tuple = inside(bytes, name);
  const [ip, proto] = [inside(tuple.get(1), name), inside(tuple.get(2), name)];
  const number = proto.get(1)?.[0] ?? 0;
  const end = (address: Uint8Array | undefined, port: Uint8Array | undefined): string => {
    const text = addressIn(address) ?? '';
    const value = narrow(port);
    if (value === undefined) return text;
    return text.includes(':') ? `[${text}]:${value}` : `${text}:${value}`;
  };
  return {
    number,
    protocol: protocols.get(number) ?? String(number),
    end: {
      source: end(ip.get(1) ?? ip.get(3), proto.get(2)),
      destination: end(ip.get(2) ?? ip.get(4), proto.get(3)),
    },
  };
}

function inside(bytes: Uint8Array | undefined, name: string): Attributes {
  return bytes ? attributesOf(bytes, name) : new Map();
}

const tcpStates =
  'NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2'.split(' ');
const sctpStates =
  'NONE CLOSED COOKIE_WAIT COOKIE_ECHOED ESTABLISHED SHUTDOWN_SENT SHUTDOWN_RECD SHUTDOWN_ACK_SENT HEARTBEAT_SENT'.split(
    ' ',
  );

function stateIn(bytes: Uint8Array | undefined, protocol: number, name: string): string | undefined {
  const [attribute, states] = protocol === 6 ? [1, tcpStates] : protocol === 132 ? [3, sctpStates] : [0, []];
  const number = inside(inside(bytes, name).get(attribute), name).get(1)?.[0];
  return number === undefined ? undefined : (states[number] ?? String(number));
}

/** Bits of a connection's status, from linux/netfilter/nf_conntrack_common.h. */
const statusBits: BitNames =
  'EXPECTED SEEN_REPLY ASSURED CONFIRMED SRC_NAT DST_NAT SEQ_ADJUST SRC_NAT_DONE DST_NAT_DONE DYING FIXED_TIMEOUT TEMPLATE NAT_CLASH HELPER OFFLOAD HW_OFFLOAD'
    .split(' ')
    .map((name, bit) => [1 << bit, name]);

function numbers<T extends string>(values: Record<T, number | undefined>): { [K in T]?: number } {
  const there = Object.entries(values).filter(([, value]) => value !== undefined && value !== 0);
  return Object.fromEntries(there) as { [K in T]?: number };
}

function named(bytes: Uint8Array | undefined): { trackedBy?: string } {
  return bytes ? { trackedBy: textOf(bytes).replace(/\0.*$/s, '') } : {};
}

/** Numbers of connection tracking are in network order. */
function wide(bytes: Uint8Array | undefined): number | undefined {
  return bytes?.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) : undefined;
}

function narrow(bytes: Uint8Array | undefined): number | undefined {
  return bytes?.length === 2 ? new DataView(bytes.buffer, bytes.byteOffset, 2).getUint16(0) : undefined;
}
