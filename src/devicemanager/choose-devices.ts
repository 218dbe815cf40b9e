import type { KnownDevice } from './resource.ts';
import { shortages } from './texts.ts';

export interface Choice {
  resource: string;
  wanted: number;
  /** Devices of finished init containers of the same pod, which come first. */
  reusable: readonly string[];
  /** Healthy devices that nobody has, in the order in which they are given. */
  available: readonly KnownDevice[];
  /** NUMA nodes to stay near to; undefined where nothing speaks for any. */
  near: ReadonlySet<bigint> | undefined;
  /** Asks the plugin which it would rather give. */
  preferred(available: readonly string[], mustInclude: readonly string[]): Promise<readonly string[]>;
}

/**
 * Which devices a container gets: those of its init containers, then near ones, as far as there are enough the
 * plugin's choice of them, then what the plugin prefers of the rest, then the rest.
 * @throws CodedError in the kubelet's words where there are too few
 */
export async function chooseDevices(choice: Choice): Promise<string[]> {
  const { resource, wanted, available } = choice;
  const chosen = new Set(choice.reusable.slice(0, wanted));
  if (chosen.size === wanted) return [...chosen];
  const needed = wanted - chosen.size;
  if (available.length < needed) throw shortages.tooFew(resource, needed, available.length);
  const take = (ids: readonly string[], from: ReadonlySet<string>): boolean => {
    for (const id of ids) {
      if (chosen.size < wanted && from.has(id)) chosen.add(id);
    }
    return chosen.size === wanted;
  };
  const ask = async (from: readonly string[]): Promise<boolean> => {
    const given = [...chosen];
    return take(await choice.preferred([...from, ...given], given), new Set(from));
  };
  const { aligned, rest } = byNearness(available, choice.near);
  const all = available.map(({ id }) => id);
  if (needed < aligned.length) {
    if ((await ask(aligned)) || take(aligned, new Set(aligned))) return [...chosen];
  } else {
    if (take(aligned, new Set(aligned))) return [...chosen];
    if ((await ask(all)) || take(rest, new Set(rest))) return [...chosen];
  }
  throw shortages.short(wanted, chosen.size);
}

/** Near ones; and the others, those without a node last. Without any node to be near to all are others. */
function byNearness(
  devices: readonly KnownDevice[],
  near: ReadonlySet<bigint> | undefined,
): { aligned: string[]; rest: string[] } {
  const ids = (list: readonly KnownDevice[]) => list.map(({ id }) => id);
  if (!near) return { aligned: [], rest: ids(devices) };
  const isNear = ({ nodes }: KnownDevice) => nodes.some((node) => near.has(node));
  const aligned = devices.filter(isNear);
  const far = devices.filter((device) => device.nodes.length > 0 && !isNear(device));
  const nodeless = devices.filter(({ nodes }) => nodes.length === 0);
  return { aligned: ids(aligned), rest: ids([...far, ...nodeless]) };
}
