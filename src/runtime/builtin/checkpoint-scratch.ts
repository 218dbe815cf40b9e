import { randomBytes } from 'node:crypto';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../errors/coded-error.ts';
import { privateDirectory, writeFileAtomic } from '../../localfs/atomic-file.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { dumpFolders, stopCriu } from './criu-moment.ts';
import { allProcesses, argumentsOf, endProcesses } from './end-processes.ts';
import { thaw } from './freezer.ts';
import { unlockNetwork } from './network-lock.ts';
import type { RuntimePaths } from './paths.ts';
import { identify, isAlive } from './process-identity.ts';
import type { ProcessIdentity } from './records.ts';

/** What an operation that is under way leaves on disk, so that it can be undone if it is killed. */
interface Owner {
  process: ProcessIdentity;
  /** Cgroups that it freezes. */
  cgroups: string[];
  /** Network namespaces in which we or CRIU may have locked the network. */
  networks: string[];
}

/** A private folder for CRIU's images, for the time of one operation. */
export interface Scratch {
  readonly path: string;
  /** Removes it and everything in it. */
  close(): Promise<void>;
}

const ownerFile = 'owner.json';

function scratchRoot(paths: RuntimePaths): string {
  return join(paths.root, 'scratch');
}

/** @param owner What has to be set right when this process dies before `close`. */
export async function openScratch(
  paths: RuntimePaths,
  owner: Omit<Owner, 'process'> = { cgroups: [], networks: [] },
): Promise<Scratch> {
  const path = join(scratchRoot(paths), randomBytes(16).toString('hex'));
  await makeDirectories(path, privateDirectory);
  const record: Owner = { ...owner, process: await identify(process.pid) };
  await writeFileAtomic(join(path, ownerFile), new TextEncoder().encode(JSON.stringify(record)));
  return {
    path,
    close: () => rm(path, { recursive: true, force: true }),
  };
}

/**
 * Sets right what operations of a process that was killed left behind: waits for their crun and criu, and ends
 * those that do not end by themselves, lets frozen containers run again, gives their network back, removes their images. What belongs to a process that still
 * lives is not touched.
 */
export async function recoverScratch(paths: RuntimePaths, log: (line: string) => void): Promise<void> {
  const root = scratchRoot(paths);
  for (const name of await readdir(root).catch(() => [])) {
    const path = join(root, name);
    try {
      const owner = await readOwner(path);
      if (owner !== undefined && (await isAlive(owner.process))) continue;
      // A dump that is left alone ends well, also with connections, which one that is killed may break.
      await programsEnd(path);
      await endPrograms(path);
      for (const cgroup of owner?.cgroups ?? []) await thaw(cgroup);
      for (const network of owner?.networks ?? []) await unlockNetwork(network);
      await rm(path, { recursive: true, force: true });
      log(`cleaned up after a checkpoint or restore that was cut off (${path})`);
    } catch (error) {
      log(`cleaning up ${path}: ${messageOf(error)}`);
    }
  }
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const owner = JSON.parse(await readFile(join(path, ownerFile), 'utf8')) as Owner;
    return Array.isArray(owner.cgroups) && Array.isArray(owner.networks) ? owner : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Stops every CRIU that works in the folder, at a moment at which what it dumps survives that it is killed.
 * @param path A scratch folder, or the folder of one dump in it.
 */
export async function pauseCriu(path: string): Promise<void> {
  const found = await programsIn(path, /^criu/);
  if (found.length > 0) await stopCriu(found, await dumpFolders(path));
}

/** Milliseconds for a dump to end by itself when whoever asked for it is gone. */
const lastDumpMs = 60_000;

async function programsEnd(path: string): Promise<void> {
  const end = performance.now() + lastDumpMs;
  while ((await programsIn(path, programs)).length > 0 && performance.now() < end) await sleep(20);
}

const programs = /^(crun|runc|criu)/;

/** Ends every runtime and criu that works in the folder, and waits until they are gone. */
export async function endPrograms(path: string): Promise<void> {
  await pauseCriu(path);
  await endProcesses(() => programsIn(path, programs));
}

async function programsIn(path: string, name: RegExp): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await allProcesses()) {
    const comm = (await readFile(`/proc/${pid}/comm`, 'latin1').catch(() => '')).trim();
    if (name.test(comm) && (await worksIn(pid, path))) found.push(pid);
  }
  return found;
}

/** By its arguments (the runtime has the folder in them) or by a file it holds open (CRIU has no other trace). */
async function worksIn(pid: number, path: string): Promise<boolean> {
  if ((await argumentsOf(pid)).some((argument) => argument.includes(path))) return true;
  for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
    if (target.startsWith(path)) return true;
  }
  return false;
}
