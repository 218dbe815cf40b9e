import { isExtendedResourceName } from '../kubeletstate/resource-name.ts';
import { type ContainerGrant, joinGrants, nothingGranted } from '../pods/container-grant.ts';
import { InTurn } from '../pods/in-turn.ts';
import type { Log } from '../pods/node-pods.ts';
import type { AdmissionFacts, NodeResources } from '../pods/node-resources.ts';
import { allContainers, type Container, isSidecar, type Pod } from '../pods/pod.ts';
import { parseQuantity } from '../pods/quantity.ts';
import { type Allocation, grantOf, idsOf, newAllocation, nodesOf } from './allocations.ts';
import { chooseDevices } from './choose-devices.ts';
import type { DeviceRegistry } from './device-registry.ts';
import type { Resource } from './resource.ts';
import { shortages } from './texts.ts';

/** What has been set aside for a pod and is not written yet, and what its later containers may use again. */
interface Draft {
  pod: string;
  /** Of pods that are alive. */
  taken: readonly Allocation[];
  added: Allocation[];
  /** By resource: devices of init containers, which have ended when later containers run. */
  reusable: Map<string, Set<string>>;
}

/** Gives the devices of plugins to containers: no device to two of them, and none forgotten. */
export class DeviceManager implements NodeResources {
  readonly #registry: DeviceRegistry;
  readonly #log: Log;
  readonly #inTurn = new InTurn();

  constructor(registry: DeviceRegistry, log: Log) {
    this.#registry = registry;
    this.#log = log;
  }

  async admit(pod: Pod, facts: AdmissionFacts, signal: AbortSignal): Promise<void> {
    // A plugin that hangs holds up nobody who wants nothing of any.
    if (allContainers(pod).every((container) => wantedBy(container).size === 0)) return;
    await this.#inTurn.run('', async () => {
      const init = pod.spec.initContainers ?? [];
      // Who has ended now keeps nothing; whoever comes meanwhile waits for its turn.
      const ended = this.#registry.allocations().filter(({ PodUID }) => !facts.alive.has(PodUID));
      const over = new Set(ended.map(({ PodUID }) => PodUID));
      const alive = ({ PodUID }: Allocation) => !over.has(PodUID);
      const draft = this.#draft(pod, alive);
      for (const container of [...init, ...pod.spec.containers]) {
        const running = facts.running.has(container.name);
        await this.#setAside(draft, container, running, signal);
        this.#share(draft, container, init.includes(container) && !isSidecar(container));
      }
      if (draft.added.length === 0 && this.#registry.allocations().every(alive)) return;
      await this.#registry.save((allocations) => [...allocations.filter(alive), ...draft.added]);
    });
  }

  async grant(pod: Pod, container: Container, signal: AbortSignal): Promise<ContainerGrant> {
    const { uid } = pod.metadata;
    const resources = [...wantedBy(container).keys()];
    const missing = () => resources.some((name) => !this.#allocation(uid, container.name, name));
    // It was admitted while it ran, or its devices were taken back when it had ended.
    if (missing()) await this.#inTurn.run('', () => this.#again(pod, container, signal));
    let all = nothingGranted;
    for (const name of resources) {
      const allocation = this.#allocation(uid, container.name, name);
      if (!allocation) continue;
      await this.#prestart(allocation, signal);
      all = joinGrants(all, grantOf(allocation), (what) =>
        this.#log('error', `container ${container.name} is given ${what} by several device plugins`),
      );
    }
    return all;
  }

  async release(podUid: string): Promise<void> {
    const others = ({ PodUID }: Allocation) => PodUID !== podUid;
    if (this.#registry.allocations().every(others)) return;
    await this.#registry.save((allocations) => allocations.filter(others));
  }

  async #again(pod: Pod, container: Container, signal: AbortSignal): Promise<void> {
    const draft = this.#draft(pod, () => true);
    await this.#setAside(draft, container, false, signal);
    if (draft.added.length > 0) await this.#registry.save((known) => [...known, ...draft.added]);
  }

  #draft({ metadata }: Pod, alive: (allocation: Allocation) => boolean): Draft {
    const taken = this.#registry.allocations().filter(alive);
    return { pod: metadata.uid, taken, added: [], reusable: new Map() };
  }

  async #setAside(draft: Draft, container: Container, running: boolean, signal: AbortSignal): Promise<void> {
    for (const [name, wanted] of wantedBy(container)) {
      const held = find([...draft.taken, ...draft.added], draft.pod, container.name, name);
      const ids = held && idsOf(held);
      if (ids && ids.size !== wanted) {
        throw shortages.changed(draft.pod, container.name, name, ids.size, wanted);
      }
      // After a restart of ours: it has what it needs, whether its plugin is back or not.
      if (running) continue;
      const resource = this.#registry.resource(name);
      if (!resource) throw shortages.unregistered(name);
      const healthy = new Set(resource.healthy());
      if (healthy.size === 0) throw shortages.noneHealthy(name);
      if (ids && ![...ids].every((id) => healthy.has(id))) throw shortages.lost(name);
      if (!ids) draft.added.push(await this.#allocate(draft, container, resource, wanted, signal));
    }
  }

  async #allocate(
    draft: Draft,
    container: Container,
    resource: Resource,
    wanted: number,
    signal: AbortSignal,
  ): Promise<Allocation> {
    const { name } = resource;
    const all = [...draft.taken, ...draft.added];
    const used = new Set(
      all.filter((item) => item.ResourceName === name).flatMap((item) => [...idsOf(item)]),
    );
    const own = all.filter((item) => item.PodUID === draft.pod && item.ContainerName === container.name);
    const chosen = await chooseDevices({
      resource: name,
      wanted,
      reusable: [...(draft.reusable.get(name) ?? [])].filter((id) => resource.devices.get(id)?.healthy),
      available: [...resource.devices.values()].filter(({ id, healthy }) => healthy && !used.has(id)),
      near: nodesNear(own),
      preferred: async (available, mustInclude) =>
        (await resource.session?.preferred(available, mustInclude, wanted, signal)) ?? [],
    });
    // The plugin was asked meanwhile, and may have said something else.
    if (!chosen.every((id) => resource.devices.get(id)?.healthy)) throw shortages.lost(name);
    const { session } = this.#registry.resource(name) ?? {};
    if (!session) throw shortages.unknownPlugin(name);
    const answer = await this.#registry.metrics.allocation(name, () => session.allocate(chosen, signal));
    const devices = chosen.map((id) => resource.devices.get(id) ?? { id, healthy: false, nodes: [] });
    return newAllocation({ pod: draft.pod, container: container.name, resource: name }, devices, answer);
  }

  /** What later containers of the pod may use again: what ended init containers had, less what is in use since. */
  #share(draft: Draft, container: Container, over: boolean): void {
    for (const name of wantedBy(container).keys()) {
      const held = find([...draft.taken, ...draft.added], draft.pod, container.name, name);
      const reusable = draft.reusable.get(name) ?? new Set();
      for (const id of held ? idsOf(held) : []) {
        if (over) reusable.add(id);
        else reusable.delete(id);
      }
      draft.reusable.set(name, reusable);
    }
  }

  async #prestart(allocation: Allocation, signal: AbortSignal): Promise<void> {
    const resource = this.#registry.resource(allocation.ResourceName);
    if (!resource) throw shortages.noEndpoint(allocation.ResourceName);
    await resource.session?.prestart([...idsOf(allocation)], signal);
  }

  #allocation(pod: string, container: string, resource: string): Allocation | undefined {
    return find(this.#registry.allocations(), pod, container, resource);
  }
}

function find(
  allocations: readonly Allocation[],
  pod: string,
  container: string,
  resource: string,
): Allocation | undefined {
  return allocations.find(
    (item) => item.PodUID === pod && item.ContainerName === container && item.ResourceName === resource,
  );
}

/** How many devices of which resource a container asks for. Devices cannot be shared, so its limits say it. */
export function wantedBy({ resources }: Container): Map<string, number> {
  const wanted = new Map<string, number>();
  for (const [name, quantity] of Object.entries(resources?.limits ?? {})) {
    const count = isExtendedResourceName(name) ? (parseQuantity(quantity) ?? 0) : 0;
    if (count > 0) wanted.set(name, count);
  }
  return wanted;
}

/** NUMA nodes of what the container has already, so that what it works with together lies together. */
function nodesNear(own: readonly Allocation[]): ReadonlySet<bigint> | undefined {
  const nodes = new Set(own.flatMap((item) => [...nodesOf(item).values()].flat()));
  return nodes.size > 0 ? nodes : undefined;
}
