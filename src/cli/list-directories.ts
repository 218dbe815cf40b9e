import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { printGoJson } from '../bytes/go-json.ts';
import type { ListedIdentity } from '../checkpoint/identity-table.ts';
import { isSandboxId } from '../kubeletstate/checkpointed-pods.ts';
import type { FileStamp, IdentityIndex } from '../localfs/identity-index.ts';
import type { Console } from './console.ts';
import { identityIndex } from './open.ts';
import { printable } from './output/escape.ts';
import { logTime, rfc822 } from './output/go-time.ts';
import { tabTable } from './output/tab-table.ts';
import { podArchive } from './pod-archives.ts';
import { errorText } from './report-error.ts';

/** Archives that are looked into at the same time. */
const atOnce = 16;

interface Listed {
  directory: string;
  name: string;
  identity: ListedIdentity;
}

export interface ListOptions {
  format: 'table' | 'json';
  /** Whether what is read is remembered, and what is remembered is not read. */
  index: boolean;
}

/** Prints the checkpoint archives in directories, all in one table. */
export async function listDirectories(
  directories: readonly string[],
  { format, index }: ListOptions,
  console: Console,
): Promise<void> {
  const listed: Listed[] = [];
  let headings = '';
  for (const directory of directories) {
    const names = await archivesIn(directory, console);
    if (names.length > 0) headings += `Listing checkpoints in path: ${printable(directory)}\n`;
    // Limits that were set for this run are about this run's reading.
    const remembered = index && !console.limits ? await identityIndex(directory, console.env) : undefined;
    listed.push(...(await identities(directory, names, remembered, console)));
  }
  if (format === 'json') {
    console.out.write(`${printGoJson(listed.map(listNode), '  ')}\n`);
    return;
  }
  if (headings === '') {
    console.out.write(`No checkpoints found in [${directories.map(printable).join(' ')}]\n`);
    return;
  }
  const rows = listed.map(({ name, identity }) => [
    identity.namespace,
    identity.pod,
    identity.name,
    identity.engine,
    rfc822(identity.checkpointed),
    name,
  ]);
  const headers = ['Namespace', 'Pod', 'Container', 'Engine', 'Time Checkpointed', 'Checkpoint Name'];
  console.out.write(headings + tabTable(headers, rows));
}

/**
 * Files whose names start as those of checkpoints do, and the containers in archives of pods, which are named by
 * their sandbox; by name. None where the directory cannot be read.
 */
async function archivesIn(directory: string, console: Console): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await readdir(directory).catch(() => [])).sort()) {
    if (name.startsWith('checkpoint-')) found.push(name);
    else if (name.endsWith('.tar') && isSandboxId(name.slice(0, -'.tar'.length))) {
      const pod = await podArchive(join(directory, name), console);
      found.push(...(pod?.containers ?? []).map((path) => relative(directory, path)));
    }
  }
  return found;
}

async function identities(
  directory: string,
  names: readonly string[],
  index: IdentityIndex | undefined,
  console: Console,
): Promise<Listed[]> {
  const found: (Listed | undefined)[] = new Array(names.length);
  const unread: Unread[] = [];
  for (const [at, name] of names.entries()) {
    const path = join(directory, name);
    const stamp = index?.stamp(path);
    const identity = stamp && index?.get(stamp);
    if (identity) found[at] = { directory, name, identity };
    else unread.push({ at, path, stamp });
  }
  if (unread.length > 0) {
    await readEach(unread, console, ({ at, path, stamp }, identity) => {
      found[at] = { directory, name: names[at] ?? '', identity };
      if (stamp) index?.add(path, stamp, identity);
    });
  }
  await index?.save();
  return found.filter((one) => one !== undefined);
}

/** An archive that nothing is remembered of. */
interface Unread {
  /** Its place among the names. */
  at: number;
  path: string;
  stamp: FileStamp | undefined;
}

/** Reads archives, several at a time, and names those that cannot be read, in order. */
async function readEach(
  unread: readonly Unread[],
  console: Console,
  done: (one: Unread, identity: ListedIdentity) => void,
): Promise<void> {
  const { archiveIdentity } = await import('./archive-identity.ts');
  const failures: string[] = [];
  const waiting = unread.values();
  const work = async (): Promise<void> => {
    for (const one of waiting) {
      try {
        done(one, await archiveIdentity(one.path, console));
      } catch (error) {
        failures[one.at] = `Error extracting information from ${printable(one.path)}: ${errorText(error)}`;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  for (const failure of failures) {
    if (failure !== undefined) console.err.write(`${logTime(console.now())} ${failure}\n`);
  }
}

function listNode({ directory, name, identity }: Listed) {
  return {
    namespace: identity.namespace,
    pod: identity.pod,
    container_name: identity.name,
    engine: identity.engine,
    id: identity.id,
    image: identity.image,
    created: identity.created,
    checkpointed: identity.checkpointed,
    checkpoint_name: name,
    path: join(directory, name),
  };
}
