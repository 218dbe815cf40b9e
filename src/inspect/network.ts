import { textOf } from '../bytes/text.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { NdType, NetDeviceEntry } from '../gen/criu/namespaces.ts';
import {
  type ExpectedConnection,
  expectedConnections,
  type TrackedConnection,
  trackedConnections,
} from './conntrack.ts';
import { bitNames, interfaceBits } from './linux-names.ts';
import { numbered } from './mounts.ts';
import { addressIn, numberIn, type RouteMessage, routeMessages } from './netlink.ts';
import { Problems } from './problems.ts';

export interface NetworkInterface {
  readonly index: number;
  readonly name: string;
  readonly type: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly mac?: string;
  /** With the length of the network: `10.88.0.9/16`. */
  readonly addresses: readonly string[];
}

export interface Route {
  readonly family: 4 | 6;
  /** `default` or a network. */
  readonly destination: string;
  readonly gateway?: string;
  /** The interface's name where it is known. */
  readonly interface?: string;
  readonly source?: string;
  readonly priority?: number;
  readonly table: number;
}

export interface RoutingRule {
  readonly family: 4 | 6;
  readonly priority: number;
  readonly from: string;
  readonly to: string;
  readonly table: number;
}

export interface NetworkNamespace {
  readonly namespace: number;
  readonly interfaces: readonly NetworkInterface[];
  readonly routes: readonly Route[];
  readonly rules: readonly RoutingRule[];
  /** Connections that the kernel tracked, and those that it expected. */
  readonly connections: readonly TrackedConnection[];
  readonly expectations: readonly ExpectedConnection[];
  /** Rules of the firewall, as text, by the program that wrote them; CRIU's own lock is among them. */
  readonly firewall: { readonly iptables?: string; readonly ip6tables?: string; readonly nftables?: string };
}

const addressMagic = 0x47361222;
const routeMagic = 0x45311224;
const ruleMagic = 0x71706986;
const newAddress = 20;
const newRoute = 24;
const newRule = 32;

/** Interfaces, addresses, routes and firewall of every network namespace that was dumped. */
export async function networks(images: ImageSet, problems = new Problems()): Promise<NetworkNamespace[]> {
  const ids = new Set<number>();
  for (const prefix of ['netns-', 'netdev-'])
    for (const { id } of await numbered(images, prefix)) ids.add(id);
  const found: NetworkNamespace[] = [];
  for (const id of [...ids].sort((a, b) => a - b)) found.push(await networkOf(images, id, problems));
  return found;
}

async function networkOf(images: ImageSet, id: number, problems: Problems): Promise<NetworkNamespace> {
  const read = async (stem: string, magic: number, type: number, head: number): Promise<RouteMessage[]> => {
    const name = `${stem}-${id}.img`;
    const bytes = await images.bytes(name);
    if (!bytes?.length) return [];
    return (
      (await problems.attempt(name, async () => routeMessages(bytes, magic, { [type]: head }, name))) ?? []
    );
  };
  const text = async (stem: string): Promise<string | undefined> => {
    const bytes = await images.bytes(`${stem}-${id}.img`);
    return bytes?.length ? textOf(bytes) : undefined;
  };
  const addresses = await read('ifaddr', addressMagic, newAddress, 8);
  const devices =
    (await problems.attempt(`netdev-${id}.img`, () => images.messages(`netdev-${id}.img`, NetDeviceEntry))) ??
    [];
  const interfaces = devices.map((device) => interfaceOf(device, addresses));
  const nameOf = new Map(interfaces.map(({ index, name }) => [index, name]));
  const routes = [
    ...(await read('route', routeMagic, newRoute, 12)),
    ...(await read('route6', routeMagic, newRoute, 12)),
  ];
  const rules = await read('rule', ruleMagic, newRule, 12);
  const [iptables, ip6tables, nftables] = [
    await text('iptables'),
    await text('ip6tables'),
    await text('nftables'),
  ];
  const track = async <T>(stem: string, parse: (bytes: Uint8Array, name: string) => T[]): Promise<T[]> => {
    const name = `${stem}-${id}.img`;
    const bytes = await images.bytes(name);
    return (bytes && (await problems.attempt(name, async () => parse(bytes, name)))) ?? [];
  };
  return {
    namespace: id,
    interfaces,
    routes: routes.map((message) => routeOf(message, nameOf)),
    rules: rules.map(ruleOf),
    connections: await track('netns-ct', trackedConnections),
    expectations: await track('netns-exp', expectedConnections),
    firewall: {
      ...(iptables && { iptables }),
      ...(ip6tables && { ip6tables }),
      ...(nftables && { nftables }),
    },
  };
}

const deviceTypes = new Map<number, string>(
  Object.entries(NdType).map(([name, type]) => [type, name.toLowerCase()]),
);

function interfaceOf(device: NetDeviceEntry, addresses: readonly RouteMessage[]): NetworkInterface {
  const mac =
    device.address && Array.from(device.address, (byte) => byte.toString(16).padStart(2, '0')).join(':');
  const own = addresses.filter(({ head }) => head.getUint32(4, true) === device.ifindex);
  return {
    index: device.ifindex,
    name: device.name,
    type: deviceTypes.get(device.type) ?? String(device.type),
    mtu: device.mtu,
    flags: bitNames(device.flags >>> 0, interfaceBits),
    ...(mac && { mac }),
    addresses: own.flatMap(({ head, attributes }) => {
      const address = addressIn(attributes.get(2) ?? attributes.get(1));
      return address === undefined ? [] : [`${address}/${head.getUint8(1)}`];
    }),
  };
}

function familyOf({ head }: RouteMessage): 4 | 6 {
  return head.getUint8(0) === 10 ? 6 : 4;
}

function networkText(address: string | undefined, length: number, all: string): string {
  return address === undefined ? all : `${address}/${length}`;
}

function routeOf(message: RouteMessage, names: ReadonlyMap<number, string>): Route {
  const { head, attributes } = message;
  const gateway = addressIn(attributes.get(5));
  const out = numberIn(attributes.get(4));
  const source = addressIn(attributes.get(7));
  const priority = numberIn(attributes.get(6));
  return {
    family: familyOf(message),
    destination: networkText(addressIn(attributes.get(1)), head.getUint8(1), 'default'),
    ...(gateway !== undefined && { gateway }),
    ...(out !== undefined && { interface: names.get(out) ?? String(out) }),
    ...(source !== undefined && { source }),
    ...(priority !== undefined && { priority }),
    table: numberIn(attributes.get(15)) ?? head.getUint8(4),
  };
}

function ruleOf(message: RouteMessage): RoutingRule {
  const { head, attributes } = message;
  return {
    family: familyOf(message),
    priority: numberIn(attributes.get(6)) ?? 0,
    from: networkText(addressIn(attributes.get(2)), head.getUint8(2), 'all'),
    to: networkText(addressIn(attributes.get(1)), head.getUint8(1), 'all'),
    table: numberIn(attributes.get(15)) ?? head.getUint8(4),
  };
}
