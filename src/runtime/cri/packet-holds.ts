import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client, Interceptor } from '@connectrpc/connect';
import { messageOf } from '../../errors/coded-error.ts';
import { ContainerState, RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { privateDirectory, writeFileAtomic } from '../../localfs/atomic-file.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { dropPackets, passPackets } from '../builtin/packet-drop.ts';
import { holdTable, longestHoldMs } from '../builtin/packet-hold.ts';
import { networkOfPod } from './pod-network.ts';

export interface PacketHoldsOptions {
  runtime: Client<typeof RuntimeService>;
  /** Folder for notes of the pods whose packets are held back. */
  notes: string;
  /** Told what stays undone. */
  log(line: string): void;
}

interface Hold {
  network: string;
  /** Containers with connections that are still to be started. */
  waiting: Set<string>;
  timer: NodeJS.Timeout;
}

/**
 * Connections inside a pod whose containers are restored one after the other: the end that is there first would send
 * to an end that is not there yet, and get a reset. TCP packets in the pod's own network are dropped, which TCP takes
 * for loss, until the last container with connections has been started. Whoever starts after us goes on with that.
 */
export class PacketHolds {
  readonly #options: PacketHoldsOptions;
  readonly #holds = new Map<string, Hold>();

  constructor(options: PacketHoldsOptions) {
    this.#options = options;
  }

  /** Before any of these containers, which have connections, is started. */
  async hold(podSandboxId: string, containerIds: readonly string[]): Promise<void> {
    const { runtime, notes, log } = this.#options;
    if (containerIds.length === 0) return;
    try {
      const network = await networkOfPod(runtime, podSandboxId);
      if (network === undefined) return;
      await makeDirectories(notes, privateDirectory);
      const note = new TextEncoder().encode(JSON.stringify(containerIds));
      await writeFileAtomic(join(notes, podSandboxId), note);
      this.#watch(podSandboxId, network, containerIds);
      await dropPackets(network, holdTable);
    } catch (error) {
      await this.#release(podSandboxId);
      log(`pod ${podSandboxId}: connections between its containers may break: ${messageOf(error)}`);
    }
  }

  /** After the start of a container, also one that failed: the last one lets the packets go. */
  async started(containerId: string): Promise<void> {
    for (const [podSandboxId, { waiting }] of this.#holds) {
      if (waiting.delete(containerId) && waiting.size === 0) await this.#release(podSandboxId);
    }
  }

  /** Takes over what a process that was killed has held back. */
  async recover(): Promise<void> {
    const { runtime, notes } = this.#options;
    const left = (await readdir(notes).catch(() => [])).filter((name) => /^[A-Za-z0-9]+$/.test(name));
    if (left.length === 0) return;
    const { containers } = await runtime.listContainers({}, { timeoutMs: 10_000 });
    for (const podSandboxId of left) {
      const noted = await notedIn(join(notes, podSandboxId));
      const network = await networkOfPod(runtime, podSandboxId);
      const waiting = containers.filter(
        ({ id, state }) => noted.includes(id) && state === ContainerState.CONTAINER_CREATED,
      );
      if (network !== undefined) {
        this.#watch(
          podSandboxId,
          network,
          waiting.map(({ id }) => id),
        );
      }
      if (waiting.length === 0 || network === undefined) await this.#release(podSandboxId);
    }
  }

  /** Leaves what is held back to whoever starts after us. */
  close(): void {
    for (const { timer } of this.#holds.values()) clearTimeout(timer);
    this.#holds.clear();
  }

  #watch(podSandboxId: string, network: string, containerIds: readonly string[]): void {
    const timer = setTimeout(() => {
      this.#options.log(`pod ${podSandboxId}: packets flow again, although not all containers were started`);
      void this.#release(podSandboxId);
    }, longestHoldMs);
    timer.unref();
    this.#holds.set(podSandboxId, { network, waiting: new Set(containerIds), timer });
  }

  async #release(podSandboxId: string): Promise<void> {
    const hold = this.#holds.get(podSandboxId);
    this.#holds.delete(podSandboxId);
    clearTimeout(hold?.timer);
    if (hold) await passPackets(hold.network, holdTable);
    await rm(join(this.#options.notes, podSandboxId), { force: true });
  }
}

async function notedIn(path: string): Promise<unknown[]> {
  try {
    const noted: unknown = JSON.parse(await readFile(path, 'utf8'));
    return Array.isArray(noted) ? noted : [];
  } catch {
    return [];
  }
}

/** Tells of each `StartContainer` that has ended. */
export function tellStarts(holds: PacketHolds): Interceptor {
  return (next) => async (request) => {
    if (request.method !== RuntimeService.method.startContainer) return next(request);
    try {
      return await next(request);
    } finally {
      await holds.started((request.message as unknown as { containerId: string }).containerId);
    }
  };
}
