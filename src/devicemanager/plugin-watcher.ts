import { watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, createClient } from '@connectrpc/connect';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { Registration } from '../gen/pluginregistration/v1/api_pb.ts';
import { isExtendedResourceName } from '../kubeletstate/resource-name.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import type { Log } from '../pods/node-pods.ts';
import { rpcErrorText } from '../pods/rpc-error.ts';
import type { DeviceRegistry } from './device-registry.ts';
import type { Sockets } from './sockets.ts';
import { refusals, speaks } from './texts.ts';

/** The kind of plugin that is taken on here. */
const devicePlugin = 'DevicePlugin';
/** Milliseconds: to be reached, to say what it is, to take the answer; as at the kubelet. */
const dialTime = 10_000;
const infoTime = 1000;
const notifyTime = 5000;
/** Milliseconds between two looks at the directory where nothing tells of a change. */
const lookInterval = 5000;
/** Pauses after a plugin was not taken on, doubled from the first to the last. */
const firstPause = 500;
const lastPause = 120_000;
/** Folders below the directory are looked into so deep. */
const deepest = 4;

export interface PluginWatcherOptions {
  directory: string;
  registry: DeviceRegistry;
  sockets: Sockets;
  log: Log;
}

/** A socket of the directory. */
interface Known {
  /** Tells a socket from one that took its place. */
  identity: string;
  registered: boolean;
  /** Whether it is being taken on now. */
  busy: boolean;
  failures: number;
  retryAt: number;
  /** Where the plugin itself answers. */
  endpoint?: string;
}

/** Takes on the device plugins whose sockets lie in a directory, and lets go of them when these are gone. */
export class PluginWatcher {
  readonly #options: PluginWatcherOptions;
  readonly #known = new Map<string, Known>();
  #looking = false;
  /** Something has changed since the look that goes on began. */
  #again = false;

  constructor(options: PluginWatcherOptions) {
    this.#options = options;
  }

  /** Follows the directory until the signal ends. */
  async start(signal: AbortSignal): Promise<void> {
    const { directory, log } = this.#options;
    await makeDirectories(directory, 0o750);
    const look = () => void this.#lookInTurn(signal);
    const timer = setInterval(look, lookInterval);
    const watcher = watch(directory, { signal, persistent: false }, look);
    watcher.on('error', (error) => log('warn', `watching ${directory}: ${messageOf(error)}`));
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    look();
  }

  async #lookInTurn(signal: AbortSignal): Promise<void> {
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    while (this.#again && !signal.aborted) {
      this.#again = false;
      await this.look(signal).catch((error: unknown) => {
        const { directory, log } = this.#options;
        if (!signal.aborted) log('error', `looking for plugins in ${directory}: ${messageOf(error)}`);
      });
    }
    this.#looking = false;
  }

  /** Compares what is there with what is known. */
  async look(signal: AbortSignal): Promise<void> {
    const found = await socketsBelow(this.#options.directory, deepest);
    for (const [path, known] of this.#known) {
      if (found.get(path) === known.identity) continue;
      this.#known.delete(path);
      if (known.endpoint !== undefined) this.#options.registry.disconnect(known.endpoint);
    }
    for (const [path, identity] of found) {
      const fresh = { identity, registered: false, busy: false, failures: 0, retryAt: 0 };
      const known = this.#known.get(path) ?? fresh;
      this.#known.set(path, known);
      // One that does not answer keeps nobody else waiting.
      if (!known.registered && !known.busy && known.retryAt <= Date.now()) {
        void this.#register(path, known, signal);
      }
    }
  }

  async #register(path: string, known: Known, signal: AbortSignal): Promise<void> {
    known.busy = true;
    try {
      known.endpoint = await this.#takeOn(path, signal);
      known.registered = true;
      if (this.#known.get(path) !== known) this.#options.registry.disconnect(known.endpoint);
    } catch (error) {
      if (signal.aborted) return;
      const pause = Math.min(lastPause, firstPause * 2 ** Math.min(known.failures, 20));
      known.failures++;
      known.retryAt = Date.now() + pause;
      this.#options.log('error', messageOf(error), { socket: path });
      setTimeout(() => void this.#lookInTurn(signal), pause + 1).unref();
    } finally {
      known.busy = false;
    }
  }

  /** @returns where the plugin itself answers */
  async #takeOn(path: string, signal: AbortSignal): Promise<string> {
    const { sockets, registry } = this.#options;
    const connection = await sockets.dial(path, dialTime, signal).catch((error: unknown) => {
      throw failed(`dial failed at socket ${path}, err: ${messageOf(error)}`, error);
    });
    const client = createClient(Registration, connection.transport);
    try {
      const info = await client.getInfo({}, { signal, timeoutMs: infoTime }).catch((error: unknown) => {
        throw failed(
          `failed to get plugin info using RPC GetInfo at socket ${path}, err: ${rpcErrorText(error)}`,
          error,
        );
      });
      const endpoint = info.endpoint || path;
      try {
        if (info.type !== devicePlugin) {
          throw failed(`no handler registered for plugin type: ${info.type} at socket ${path}`);
        }
        validate(info.name, info.supportedVersions);
        await registry.connect(info.name, endpoint, signal).catch((error: unknown) => {
          throw failed(`plugin registration failed with err: ${messageOf(error)}`, error);
        });
      } catch (error) {
        await notify(client, signal, messageOf(error));
        throw error;
      }
      await notify(client, signal, undefined);
      return endpoint;
    } finally {
      connection.close();
    }
  }
}

function failed(what: string, cause?: unknown): CodedError {
  return new CodedError('unavailable', `RegisterPlugin error -- ${what}`, { cause });
}

function validate(name: string, versions: readonly string[]): void {
  const refusal = !speaks(versions)
    ? refusals.watchedVersions(versions)
    : isExtendedResourceName(name)
      ? undefined
      : refusals.watchedName(name);
  if (refusal) throw failed(`plugin validation failed with err: ${refusal.message}`, refusal);
}

/** Tells the plugin how it went; one that is gone by then is none of our trouble. */
async function notify(
  client: Client<typeof Registration>,
  signal: AbortSignal,
  error: string | undefined,
): Promise<void> {
  const status = { pluginRegistered: error === undefined, error: error ?? '' };
  await client.notifyRegistrationStatus(status, { signal, timeoutMs: notifyTime }).catch(() => undefined);
}

/** Sockets below a folder by path, hidden ones left out, with what tells each from another in its place. */
async function socketsBelow(folder: string, depth: number): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory() && depth > 1) {
      for (const [below, identity] of await socketsBelow(path, depth - 1)) found.set(below, identity);
    } else if (entry.isSocket()) {
      const info = await stat(path, { bigint: true }).catch(() => undefined);
      if (info) found.set(path, `${info.dev}:${info.ino}:${info.ctimeNs}`);
    }
  }
  return found;
}
