import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createRouterTransport } from '@connectrpc/connect';
import { KeptValue } from '../../src/checkpointmanager/defined-checkpoint.ts';
import { CheckpointManager } from '../../src/checkpointmanager/manager.ts';
import { type Random, seeded } from '../../src/checkpointmanager/random-value.ts';
import type { Store } from '../../src/checkpointmanager/store.ts';
import { idsOf, stateOf } from '../../src/devicemanager/allocations.ts';
import { DeviceManager } from '../../src/devicemanager/device-manager.ts';
import { DeviceMetrics } from '../../src/devicemanager/device-metrics.ts';
import { DeviceRegistry } from '../../src/devicemanager/device-registry.ts';
import type { Sockets } from '../../src/devicemanager/sockets.ts';
import { CodedError, isCoded } from '../../src/errors/coded-error.ts';
import { deviceManager } from '../../src/kubeletstate/device-manager.ts';
import { FileStore } from '../../src/localfs/file-store.ts';
import type { Pod } from '../../src/pods/pod.ts';
import { folderFor } from '../runtime.ts';
import { newPod, podOf, signal } from './devices.ts';
import { ScriptedPlugin } from './scripted-plugin.ts';

/** Random steps of a run, and runs. Thousands, so that each step meets each state. */
const steps = 1500;
const seeds = [1, 2, 3, 4];
const stateFile = 'kubelet_internal_checkpoint';
const resources = ['vendor.com/gpu', 'vendor.com/nic'];
const ids = ['a', 'b', 'c', 'd', 'e', 'f'];

/** The files of a node whose process can be killed: whoever has died writes nothing any more, and hears nothing. */
class MortalStore implements Store {
  readonly #files: FileStore;
  #dead = false;

  constructor(files: FileStore) {
    this.#files = files;
  }

  kill(): void {
    this.#dead = true;
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    if (this.#dead) await never();
    await this.#files.write(key, bytes);
    if (this.#dead) await never();
  }

  read = (key: string) => this.#files.read(key);
  delete = (key: string) => this.#files.delete(key);
  list = () => this.#files.list();
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** What a pod was told that it has, by container and resource; undefined until it was told. */
interface ModelPod {
  pod: Pod;
  has?: Record<string, string[]>;
}

class Run {
  readonly #directory: string;
  readonly #random: Random;
  readonly #plugins = new Map<string, ScriptedPlugin>();
  readonly #up = new Set<string>();
  readonly #health = new Map<string, Map<string, boolean>>();
  readonly #pods = new Map<string, ModelPod>();
  /** A pod whose admission was cut off: the node has its record. */
  #cutOff: string | undefined;
  readonly #sockets: Sockets;
  #store: MortalStore | undefined;
  #registry: DeviceRegistry | undefined;
  #manager: DeviceManager | undefined;
  #count = 0;
  kills = 0;
  admitted = 0;
  refused = 0;

  constructor(directory: string, seed: number) {
    this.#directory = directory;
    this.#random = seeded(seed);
    this.#sockets = {
      dial: async (path) => {
        const plugin = this.#plugins.get(path);
        if (!plugin || !this.#up.has(path))
          throw new CodedError('deadline-exceeded', 'context deadline exceeded');
        return { transport: createRouterTransport(plugin.routes()), close: () => undefined };
      },
      serve: () => never(),
    };
    for (const name of resources) {
      this.#plugins.set(name, new ScriptedPlugin(name, []));
      this.#health.set(name, new Map());
    }
  }

  get registry(): DeviceRegistry {
    assert.ok(this.#registry);
    return this.#registry;
  }

  get manager(): DeviceManager {
    assert.ok(this.#manager);
    return this.#manager;
  }

  /** A new process on the files that the last one left. */
  async start(): Promise<void> {
    const files = await FileStore.open(this.#directory);
    this.#store = new MortalStore(files);
    const manager = new CheckpointManager(this.#store);
    const state = await KeptValue.open(manager, stateFile, deviceManager, stateOf([], new Map()));
    this.#registry = new DeviceRegistry({
      state,
      sockets: this.#sockets,
      log: () => undefined,
      metrics: new DeviceMetrics(),
      now: Date.now,
    });
    this.#manager = new DeviceManager(this.#registry, () => undefined);
  }

  async step(): Promise<void> {
    const kinds = [
      () => this.#register(),
      () => this.#register(),
      () => this.#changeList(),
      () => this.#changeList(),
      () => this.#loseplugin(),
      () => this.#admit(),
      () => this.#admit(),
      () => this.#admit(),
      () => this.#remove(),
      () => this.#remove(),
      () => this.#end(),
      () => this.#grant(),
      () => this.#kill(),
      () => this.#killWhileAdmitting(),
    ];
    await this.#pick(kinds)();
    await this.check();
  }

  /** Nobody owns what another one owns, what was promised is held, and the file says the same. */
  async check(): Promise<void> {
    const owners = new Map<string, string>();
    const now = new Map<string, Record<string, string[]>>();
    for (const item of this.registry.allocations()) {
      for (const id of idsOf(item)) {
        const device = `${item.ResourceName}/${id}`;
        const owner = owners.get(device) ?? item.PodUID;
        assert.equal(owner, item.PodUID, `${device} is owned by two pods`);
        owners.set(device, item.PodUID);
      }
      const has = now.get(item.PodUID) ?? {};
      has[`${item.ContainerName} ${item.ResourceName}`] = [...idsOf(item)].sort();
      now.set(item.PodUID, has);
    }
    for (const [uid, { pod, has }] of this.#pods) {
      if (!has) continue;
      assert.deepEqual(now.get(uid) ?? {}, has, `pod ${uid} does not have what it was given`);
      const lasting = pod.spec.containers.flatMap(({ name }) =>
        resources.flatMap((resource) => (has[`${name} ${resource}`] ?? []).map((id) => `${resource}/${id}`)),
      );
      assert.equal(new Set(lasting).size, lasting.length, `two containers of pod ${uid} have one device`);
    }
  }

  async #register(): Promise<void> {
    const name = this.#pick(resources);
    this.#up.add(name);
    await this.registry.connect(name, name, signal);
    await this.#listed(name);
  }

  async #changeList(): Promise<void> {
    const name = this.#pick(resources);
    const devices = this.#health.get(name);
    assert.ok(devices);
    const id = this.#pick(ids);
    const next = this.#pick([true, true, false, undefined]);
    if (next === undefined) devices.delete(id);
    else devices.set(id, next);
    const list = [...devices].map(([each, healthy]) => ({ id: each, health: healthy ? 'Healthy' : 'Sick' }));
    this.#plugins.get(name)?.set(list);
    if (this.registry.resource(name)?.session?.stopped === false) await this.#listed(name);
  }

  /** Waits until the node knows the list of the plugin. */
  async #listed(name: string): Promise<void> {
    const wanted = [...(this.#health.get(name) ?? [])].map(([id, healthy]) => `${id} ${healthy}`).join();
    await settled(() => {
      const known = this.registry.resource(name);
      const has = [...(known?.devices.values() ?? [])].map(({ id, healthy }) => `${id} ${healthy}`).join();
      return known !== undefined && has === wanted;
    });
  }

  async #loseplugin(): Promise<void> {
    const name = this.#pick(resources);
    this.#up.delete(name);
    const resource = this.registry.resource(name);
    const { session } = resource ?? {};
    if (!session) return;
    await settled(() => {
      // Its list may only be about to begin.
      this.#plugins.get(name)?.hangUp();
      return session.stopped && resource?.healthy().length === 0;
    });
  }

  async #admit(): Promise<void> {
    const uid = `pod-${this.#count++}`;
    await this.#tell(uid, this.#randomPod(uid));
  }

  /** Admits a pod; what it is told counts from then on. */
  async #tell(uid: string, pod: Pod): Promise<void> {
    const free = this.#free();
    const left = Object.keys(this.#held(uid)).length > 0;
    try {
      await this.manager.admit(pod, newPod(uid, this.#alive()), signal);
      this.#pods.set(uid, { pod, has: this.#held(uid) });
      this.admitted++;
    } catch (error) {
      assert.ok(isCoded(error), String(error));
      this.refused++;
      await this.manager.release(uid);
      // What an earlier process had set aside may be sick by now.
      assert.ok(
        left || !this.#couldHave(pod, free),
        `pod ${uid} was refused although there is enough: ${error.message}`,
      );
    }
  }

  /** How many healthy devices nobody has, by resource. */
  #free(): Map<string, number> {
    const taken = new Set(
      this.registry
        .allocations()
        .filter(({ PodUID }) => this.#pods.has(PodUID))
        .flatMap((item) => [...idsOf(item)].map((id) => `${item.ResourceName}/${id}`)),
    );
    return new Map(
      this.registry
        .resources()
        .map(({ name, ...rest }) => [name, rest] as const)
        .map(([name]) => [
          name,
          (this.registry.resource(name)?.healthy() ?? []).filter((id) => !taken.has(`${name}/${id}`)).length,
        ]),
    );
  }

  #couldHave({ spec }: Pod, free: ReadonlyMap<string, number>): boolean {
    return resources.every((name) => {
      const wanted = (list: Pod['spec']['containers'] = []) =>
        list.map(({ resources: of }) => Number(of?.limits?.[name] ?? 0));
      const together = wanted(spec.containers).reduce((sum, each) => sum + each, 0);
      return Math.max(together, ...wanted(spec.initContainers)) <= (free.get(name) ?? 0);
    });
  }

  #alive(): string[] {
    return [...this.#pods.keys(), ...(this.#cutOff === undefined ? [] : [this.#cutOff])];
  }

  #held(uid: string): Record<string, string[]> {
    const has: Record<string, string[]> = {};
    for (const item of this.registry.allocations()) {
      if (item.PodUID === uid) has[`${item.ContainerName} ${item.ResourceName}`] = [...idsOf(item)].sort();
    }
    return has;
  }

  async #remove(): Promise<void> {
    const uid = this.#pick([...this.#pods.keys()]);
    if (uid === undefined) return;
    this.#pods.delete(uid);
    await this.manager.release(uid);
    assert.deepEqual(this.#held(uid), {});
  }

  /** The pod has come to its end without anybody taking back what it had. */
  async #end(): Promise<void> {
    this.#pods.delete(this.#pick([...this.#pods.keys()]) ?? '');
  }

  async #grant(): Promise<void> {
    const [uid, known] = this.#pick([...this.#pods]) ?? [];
    if (uid === undefined || !known?.has) return;
    const container = this.#pick(known.pod.spec.containers);
    const { cdiDevices } = await this.manager.grant(known.pod, container, signal).catch((error: unknown) => {
      // Its resource has no plugin any more and was never asked before it ran.
      assert.ok(isCoded(error));
      return { cdiDevices: undefined };
    });
    if (!cdiDevices) return;
    const told = resources.flatMap((name) =>
      (known.has?.[`${container.name} ${name}`] ?? []).map((id) => `${name}=${id}`),
    );
    assert.deepEqual([...cdiDevices].sort(), told.sort(), `container of pod ${uid} gets something else`);
  }

  async #kill(): Promise<void> {
    this.kills++;
    this.#store?.kill();
    for (const name of resources) this.#plugins.get(name)?.hangUp();
    await this.start();
    await this.check();
    // Plugins that live come back; pods are admitted once more, as they run, before anything else.
    for (const name of [...this.#up]) {
      if (this.#below(3) === 0) continue;
      await this.registry.connect(name, name, signal);
      await this.#listed(name);
    }
    for (const [uid, { pod, has }] of this.#pods) {
      const running = has ? pod.spec.containers.map(({ name }) => name) : [];
      const init = has ? (pod.spec.initContainers ?? []).map(({ name }) => name) : [];
      const facts = newPod(uid, this.#alive(), [...running, ...init]);
      await this.manager.admit(pod, facts, signal);
    }
  }

  /** The process dies at some point of an admission, about which nobody was told. */
  async #killWhileAdmitting(): Promise<void> {
    const uid = `pod-${this.#count++}`;
    const pod = this.#randomPod(uid);
    const going = this.manager.admit(pod, newPod(uid, this.#alive()), signal);
    going.catch(() => undefined);
    for (let turns = this.#below(60); turns > 0; turns--) await nextTurn();
    this.#cutOff = uid;
    await this.#kill();
    this.#cutOff = undefined;
    // The node has its record of the pod: the next process admits it, whatever the last one had done.
    await this.#tell(uid, pod);
  }

  #randomPod(uid: string): Pod {
    const wanted = (): Record<string, number> =>
      Object.fromEntries(
        resources.filter(() => this.#below(2) === 0).map((name) => [name, 1 + this.#below(3)]),
      );
    const containers = this.#below(3) === 0 ? { one: wanted(), two: wanted() } : { one: wanted() };
    const init = this.#below(3) === 0 ? { first: wanted() } : {};
    return podOf(uid, containers, init);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length || 1)] as T;
  }
}

/** Turns of the event loop after which something was to have happened. */
const patience = 1_000_000;

async function settled(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    assert.ok(turns < patience, 'it has not come to rest');
    await nextTurn();
  }
}

for (const seed of seeds) {
  test(`no device is owned twice and nothing is forgotten in ${steps} random steps from ${seed}`, async (t: TestContext) => {
    const run = new Run(folderFor(t), seed);
    await run.start();
    for (let count = 0; count < steps; count++) await run.step();
    t.diagnostic(`${run.admitted} pods admitted, ${run.refused} refused, ${run.kills} kills`);
    assert.ok(run.admitted > steps / 20 && run.refused > steps / 50 && run.kills > steps / 20);
  });
}
