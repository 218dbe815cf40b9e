import { stat } from 'node:fs/promises';
import { type CheckpointEdits, highestPort, rewriteCheckpoint } from '../localfs/rewrite-checkpoint.ts';
import { systemErrorCode, systemErrorText } from '../localfs/system-error.ts';
import { CommandError, UsageError } from './command.ts';
import type { Console } from './console.ts';
import { printable } from './output/escape.ts';
import { Progress } from './progress.ts';

/** What the command line asks for. */
export interface EditWords {
  /** `8080:9090,…`, or nothing. */
  ports: string;
  /** `NAME=VALUE` and `NAME-`. */
  annotations: readonly string[];
  image: string | undefined;
}

/** Rewrites the archive at `path`. What a port change did is said on standard error. */
export async function editCheckpoint(path: string, words: EditWords, console: Console): Promise<void> {
  const edits = editsOf(words);
  if (path === '-') throw new UsageError('an archive is edited where it lies: standard input has no place');
  await requireFile(path);
  const progress = new Progress(console.err, 'editing');
  try {
    await rewriteCheckpoint(path, edits, {
      limits: console.limits,
      signal: console.signal,
      onProgress: (done, total) => progress.bytes(done, total),
    });
  } finally {
    progress.done();
  }
  for (const [from, to] of edits.ports) {
    console.err.write(`Successfully remapped port ${from} -> ${to}\n`);
  }
}

function editsOf({ ports, annotations, image }: EditWords): CheckpointEdits {
  if (ports === '' && annotations.length === 0 && image === undefined) {
    throw new CommandError('no edit operation specified; use --tcp-listen-remap');
  }
  const named = new Map<string, string | null>();
  for (const word of annotations) {
    const [, name, value] = /^([^=]+?)(?:=(.*)|-)$/s.exec(word) ?? [];
    if (name === undefined) {
      throw new CommandError(`invalid annotation ${JSON.stringify(word)}: expected NAME=VALUE or NAME-`);
    }
    named.set(name, value ?? null);
  }
  return { ports: ports === '' ? new Map() : portsOf(ports), annotations: named, image };
}

function portsOf(words: string): Map<number, number> {
  const ports = new Map<number, number>();
  for (const word of words.split(',')) {
    const [, from, to] = /^([0-9]{1,18}):([0-9]{1,18})$/.exec(word) ?? [];
    if (from === undefined || ports.has(Number(from))) {
      throw new CommandError('invalid parameters: expected oldport:newport');
    }
    if (Number(to) < 1 || Number(to) > highestPort) {
      throw new CommandError(`new port ${Number(to)} is out of valid range (1-65535)`);
    }
    ports.set(Number(from), Number(to));
  }
  return ports;
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (!systemErrorCode(error)) throw error;
    throw new CommandError(printable(systemErrorText(error, 'stat', path)), { cause: error });
  });
  if (!found.isFile()) throw new CommandError(`input ${printable(path)} not a regular file`);
}
