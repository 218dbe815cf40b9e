import type { ImageSet } from '../criu/image-set.ts';
import {
  ApparmorEntry,
  type CgroupDirEntry,
  CgroupEntry,
  InventoryEntry,
  Lsmtype,
} from '../gen/criu/inventory.ts';
import {
  PidnsEntry,
  TimensEntry,
  type UidGidExtent,
  UsernsEntry,
  UtsnsEntry,
} from '../gen/criu/namespaces.ts';
import { numbered } from './mounts.ts';
import { namespacesOf } from './process-details.ts';

export interface CgroupSet {
  readonly id: number;
  readonly controllers: readonly { readonly name: string; readonly path: string }[];
}

/** A cgroup whose settings are in the images. */
export interface CgroupFolder {
  readonly controllers: readonly string[];
  readonly path: string;
  /** `memory.max`, `cpu.max`, `pids.max`, … as the files say. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface Cgroups {
  readonly sets: readonly CgroupSet[];
  readonly folders: readonly CgroupFolder[];
}

/** Which cgroups the threads are in and what these allow. @throws CodedError `corrupt` */
export async function cgroups(images: ImageSet): Promise<Cgroups> {
  const entry = await images.message('cgroup.img', CgroupEntry);
  const sets = (entry?.sets ?? []).map(({ id, ctls }) => ({
    id,
    controllers: ctls.map(({ name, path }) => ({ name, path })),
  }));
  const folders: CgroupFolder[] = [];
  for (const { cnames, dirs } of entry?.controllers ?? []) {
    const waiting: { dir: CgroupDirEntry; path: string }[] = dirs.map((dir) => ({ dir, path: dir.dir_name }));
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { dir, path } = next;
      const properties = Object.fromEntries(dir.properties.map(({ name, value }) => [name, value.trim()]));
      folders.push({ controllers: cnames, path, properties });
      for (const child of dir.children) waiting.push({ dir: child, path: `${path}/${child.dir_name}` });
    }
  }
  return { sets, folders };
}

export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

export interface Namespaces {
  /** The machine's own, by kind: a process with another number has a private one. */
  readonly machine: Readonly<Record<string, number>>;
  readonly hostnames: readonly {
    readonly namespace: number;
    readonly hostname: string;
    readonly domain: string;
  }[];
  readonly userMaps: readonly {
    readonly namespace: number;
    readonly uids: readonly IdRange[];
    readonly gids: readonly IdRange[];
  }[];
  /** Seconds that the container's clocks are ahead of the machine's. */
  readonly clocks: readonly {
    readonly namespace: number;
    readonly monotonic: number;
    readonly boottime: number;
  }[];
  readonly externalPid: readonly { readonly namespace: number; readonly key: string }[];
}

/** What the images say about namespaces, apart from mounts, network and System V. @throws CodedError `corrupt` */
export async function namespaces(images: ImageSet): Promise<Namespaces> {
  const inventory = await images.message('inventory.img', InventoryEntry);
  const each = async <T>(
    prefix: string,
    read: (name: string, id: number) => Promise<T | undefined>,
  ): Promise<T[]> => {
    const found = [];
    for (const { name, id } of await numbered(images, prefix)) found.push(await read(name, id));
    return found.filter((one) => one !== undefined);
  };
  return {
    machine: inventory?.root_ids ? namespacesOf(inventory.root_ids) : {},
    hostnames: await each('utsns-', async (name, namespace) => {
      const entry = await images.message(name, UtsnsEntry);
      return entry && { namespace, hostname: entry.nodename, domain: entry.domainname };
    }),
    userMaps: await each('userns-', async (name, namespace) => {
      const entry = await images.message(name, UsernsEntry);
      return entry && { namespace, uids: entry.uid_map.map(rangeOf), gids: entry.gid_map.map(rangeOf) };
    }),
    clocks: await each('timens-', async (name, namespace) => {
      const entry = await images.message(name, TimensEntry);
      return entry && { namespace, monotonic: seconds(entry.monotonic), boottime: seconds(entry.boottime) };
    }),
    externalPid: await each('pidns-', async (name, namespace) => {
      const key = (await images.message(name, PidnsEntry))?.ext_key;
      return key === undefined ? undefined : { namespace, key };
    }),
  };
}

function rangeOf({ first, lower_first, count }: UidGidExtent): IdRange {
  return { inside: first, outside: lower_first, count };
}

function seconds({ tv_sec, tv_nsec }: { tv_sec: bigint; tv_nsec: bigint }): number {
  return Number(tv_sec) + Number(tv_nsec) / 1e9;
}

export interface DumpFacts {
  /** Format of the images: 1.0 or 1.1. */
  readonly format: string;
  readonly securityModule?: string;
  /** Microseconds that the machine had been up. */
  readonly uptime?: number;
  readonly tcpClosed: boolean;
  readonly networkLock?: string;
  readonly plugins: readonly string[];
  readonly runId?: string;
  readonly apparmorProfiles: readonly string[];
}

const networkLocks = ['unknown', 'iptables', 'nftables', 'skip'];

/** How the dump was made. @throws CodedError `corrupt` */
export async function dumpFacts(images: ImageSet): Promise<DumpFacts | undefined> {
  const inventory = await images.message('inventory.img', InventoryEntry);
  if (!inventory) return undefined;
  const apparmor = await images.message('apparmor.img', ApparmorEntry);
  const module = Object.entries(Lsmtype).find(([, number]) => number === inventory.lsmtype)?.[0];
  const profiles = (apparmor?.namespaces ?? []).flatMap((one) =>
    one.policies.map(({ name }) => `${one.name}//${name}`),
  );
  return {
    format:
      inventory.img_version === 2
        ? '1.1'
        : inventory.img_version === 1
          ? '1.0'
          : String(inventory.img_version),
    ...(module !== undefined && { securityModule: module.toLowerCase() }),
    ...(inventory.dump_uptime !== undefined && { uptime: Number(inventory.dump_uptime) }),
    tcpClosed: inventory.tcp_close ?? false,
    ...(inventory.network_lock_method !== undefined && {
      networkLock: networkLocks[inventory.network_lock_method] ?? String(inventory.network_lock_method),
    }),
    plugins: inventory.plugins_entry?.plugins ?? [],
    ...(inventory.dump_criu_run_id !== undefined && { runId: inventory.dump_criu_run_id }),
    apparmorProfiles: profiles,
  };
}
