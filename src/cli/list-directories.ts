import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultLimits } from '../archive/limits.ts';
import { printGoJson } from '../bytes/go-json.ts';
import { type Identity, readIdentity } from '../checkpoint/identity.ts';
import { identityNow } from '../localfs/identity-now.ts';
import type { Console } from './console.ts';
import { openCheckpoint } from './open.ts';
import { printable } from './output/escape.ts';
import { logTime, rfc822 } from './output/go-time.ts';
import { tabTable } from './output/tab-table.ts';
import { errorText } from './report-error.ts';

/** Archives that are looked into at the same time. */
const atOnce = 16;

interface Listed {
  directory: string;
  name: string;
  identity: Identity;
}

/** Prints the checkpoint archives in directories, all in one table. */
export async function listDirectories(
  directories: readonly string[],
  format: 'table' | 'json',
  console: Console,
): Promise<void> {
  const listed: Listed[] = [];
  let headings = '';
  for (const directory of directories) {
    const names = await archivesIn(directory);
    if (names.length > 0) headings += `Listing checkpoints in path: ${printable(directory)}\n`;
    listed.push(...(await identities(directory, names, console)));
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

/** Files whose names start as those of checkpoints do, by name; none where the directory cannot be read. */
async function archivesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.startsWith('checkpoint-')).sort();
}

async function identities(directory: string, names: readonly string[], console: Console): Promise<Listed[]> {
  const found: (Listed | undefined)[] = new Array(names.length);
  const failures: (string | undefined)[] = new Array(names.length);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < names.length; at = next++) {
      const name = names[at] ?? '';
      try {
        found[at] = { directory, name, identity: await identityOf(join(directory, name), console) };
      } catch (error) {
        failures[at] =
          `Error extracting information from ${printable(join(directory, name))}: ${errorText(error)}`;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  for (const failure of failures) {
    if (failure !== undefined) console.err.write(`${logTime(console.now())} ${failure}\n`);
  }
  return found.filter((one) => one !== undefined);
}

async function identityOf(path: string, console: Console): Promise<Identity> {
  const identity = identityNow(path, console.limits ?? defaultLimits);
  if (identity) return identity;
  const checkpoint = await openCheckpoint(path, { limits: console.limits });
  try {
    return await readIdentity(checkpoint);
  } finally {
    await checkpoint.close();
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
