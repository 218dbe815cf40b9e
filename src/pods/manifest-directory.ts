import { constants, type FSWatcher, watch } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { manifestLimit, parseManifest } from './manifest.ts';
import { type Pod, podName } from './pod.ts';

export interface ManifestOptions {
  directory: string;
  /** Name of this node. */
  node: string;
  log: (message: string) => void;
}

/**
 * The pods that the files of a directory describe. A file that cannot be read as a pod keeps what it described
 * before, so that a mistake while editing ends nothing; a directory that is gone keeps everything.
 */
export class ManifestDirectory {
  readonly #options: ManifestOptions;
  readonly #last = new Map<string, { pod?: Pod; problem?: string }>();
  #missing = false;

  constructor(options: ManifestOptions) {
    this.#options = options;
  }

  /** File → pod, or undefined where the directory cannot be read. */
  async read(): Promise<Map<string, Pod> | undefined> {
    const names = await this.#names();
    if (!names) return undefined;
    for (const file of this.#last.keys()) if (!names.includes(file)) this.#last.delete(file);
    const pods = new Map<string, Pod>();
    const taken = new Map<string, string>();
    for (const file of names) {
      const pod = await this.#podIn(file);
      if (!pod) continue;
      const name = podName(pod);
      const other = taken.get(name);
      if (other) this.#complain(file, `pod ${name} is described by ${other} already`);
      else {
        taken.set(name, file);
        pods.set(file, pod);
      }
    }
    return pods;
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

  async #podIn(file: string): Promise<Pod | undefined> {
    try {
      const pod = parseManifest(await readBounded(file), { file, node: this.#options.node });
      this.#last.set(file, { pod });
      return pod;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      this.#complain(file, messageOf(error));
      return this.#last.get(file)?.pod;
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

async function readBounded(file: string): Promise<string> {
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
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}
