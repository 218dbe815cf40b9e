import { constants, type FSWatcher, watch } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import type { ConfigObject } from './configuration.ts';
import { manifestLimit, parseManifestFile } from './manifest.ts';
import { type Pod, podName } from './pod.ts';

export interface ManifestOptions {
  directory: string;
  /** Name of this node. */
  node: string;
  log: (message: string) => void;
}

/** What the files of a directory describe. */
export interface Manifests {
  /** By file. */
  pods: Map<string, Pod>;
  configuration: ConfigObject[];
}

/** One file, as far as it could be read. */
interface Described {
  pod?: Pod;
  configuration?: ConfigObject;
  problem?: string;
}

/**
 * The pods, ConfigMaps and Secrets that the files of a directory describe. A file that cannot be read as a pod keeps what it described
 * before, so that a mistake while editing ends nothing; a directory that is gone keeps everything.
 */
export class ManifestDirectory {
  readonly #options: ManifestOptions;
  readonly #last = new Map<string, Described>();
  #missing = false;

  constructor(options: ManifestOptions) {
    this.#options = options;
  }

  /** Undefined where the directory cannot be read. */
  async read(): Promise<Manifests | undefined> {
    const names = await this.#names();
    if (!names) return undefined;
    for (const file of this.#last.keys()) if (!names.includes(file)) this.#last.delete(file);
    const pods = new Map<string, Pod>();
    const configuration: ConfigObject[] = [];
    const taken = new Map<string, string>();
    for (const file of names) {
      const { pod, configuration: object } = await this.#described(file);
      const what = object
        ? `${object.kind} ${object.namespace}/${object.name}`
        : pod && `pod ${podName(pod)}`;
      if (what === undefined) continue;
      const other = taken.get(what);
      if (other) this.#complain(file, `${what} is described by ${other} already`);
      else {
        taken.set(what, file);
        if (pod) pods.set(file, pod);
        if (object) configuration.push(object);
      }
    }
    return { pods, configuration };
  }

  /** Calls `changed` soon after something in the directory changes, until `signal`. */
  watch(changed: () => void, signal: AbortSignal): void {
    let timer: NodeJS.Timeout | undefined;
    let watcher: FSWatcher | undefined;
    try {
      watcher = watch(this.#options.directory, { signal }, () => {
        clearTimeout(timer);
        timer = setTimeout(changed, 50);
      });
      watcher.on('error', () => watcher?.close());
    } catch {
      // The directory is not there: it is looked at again from time to time in any case.
    }
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  }

  async #names(): Promise<string[] | undefined> {
    const { directory, log } = this.#options;
    try {
      const names = (await readdir(directory)).filter((name) => !name.startsWith('.') && !name.endsWith('~'));
      this.#missing = false;
      return names.sort().map((name) => join(directory, name));
    } catch (error) {
      if (!this.#missing)
        log(`reading the manifests in ${directory}: ${messageOf(error)}; pods stay as they are`);
      this.#missing = true;
      return undefined;
    }
  }

  async #described(file: string): Promise<Described> {
    try {
      const { content, mode } = await readBounded(file);
      const found = parseManifestFile(content, { file, node: this.#options.node });
      if (found.configuration?.kind === 'Secret' && (mode & 0o077) !== 0) {
        const shown = (mode & 0o777).toString(8);
        throw new CodedError(
          'invalid-argument',
          `it holds a Secret and others may read it (mode ${shown}): chmod 600`,
        );
      }
      this.#last.set(file, found);
      return found;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      this.#complain(file, messageOf(error));
      return this.#last.get(file) ?? {};
    }
  }

  /** Says once what is wrong with a file, not at each look. */
  #complain(file: string, problem: string): void {
    const last = this.#last.get(file);
    if (last?.problem === problem) return;
    this.#last.set(file, { ...last, problem });
    this.#options.log(`${file} is not taken: ${problem}`);
  }
}

async function readBounded(file: string): Promise<{ content: string; mode: number }> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new CodedError('invalid-argument', `${file} is not a regular file`);
    if (stat.size > manifestLimit) {
      throw new CodedError(
        'resource-exhausted',
        `${file} has ${stat.size} bytes, more than ${manifestLimit}`,
      );
    }
    return { content: await handle.readFile('utf8'), mode: stat.mode };
  } finally {
    await handle.close();
  }
}
