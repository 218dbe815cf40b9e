/** Every command that reads an archive, run on one as a program of its own, and what must never come of it. */
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { project } from '../runtime.ts';

/** `ARCHIVE` stands for the archive, `COPY` for one that may be changed. */
export const commandLines: readonly string[] = [
  'show ARCHIVE',
  'show --format json ARCHIVE',
  'show -t ARCHIVE',
  'inspect --all --section all ARCHIVE',
  'inspect --all --section all --format json ARCHIVE',
  'memparse ARCHIVE',
  'memparse -p 1 ARCHIVE',
  'memparse -p 1 -s secret ARCHIVE',
  'search --regex ARCHIVE [Pp]assword=.{1,20}',
  'search --secrets ARCHIVE',
  'strings -p 1 ARCHIVE',
  'hexdump --map [stack] ARCHIVE',
  'memdump --range 1000-5000 -o out ARCHIVE',
  'coredump -o core ARCHIVE',
  'diff --memory --mounts --rootfs --files --sockets --ps-tree-cmd --ps-tree-env ARCHIVE ARCHIVE',
  'verify --needs ARCHIVE',
  'verify --format json ARCHIVE',
  'list .',
  'ls ARCHIVE',
  'ls --rootfs ARCHIVE',
  'ls --in /dev ARCHIVE',
  'cat ARCHIVE config.dump',
  'crit x ARCHIVE ps',
  'crit x ARCHIVE fds',
  'crit x ARCHIVE mems',
  'crit x ARCHIVE rss',
  'crit x ARCHIVE sk',
  'edit --tcp-listen-remap 1:2 COPY',
  'edit --annotation a=b COPY',
  'build -o image.tar ARCHIVE hostile:1',
  'insert -t kubelet -i ARCHIVE',
  'convert --to podman --image-id x -o converted.tar ARCHIVE',
  'convert --to crio --image i:1 -o converted.tar ARCHIVE',
];

const executable = join(project, 'dist/stasis');

/** The executable where it is built, else the same program on Node. */
export const program: readonly string[] = existsSync(executable)
  ? [executable]
  : [process.execPath, join(project, 'bin/stasis.cjs')];

/** Most memory that a command may take, in KiB: the runtime itself, what is kept of compressed archives, and room. */
export const mostMemory = 1 << 20;
/** Bytes beyond which a program that runs away is ended by the kernel. */
const dataLimit = 2 ** 32;
const patience = 60_000;

export interface Outcome {
  readonly line: string;
  readonly status: number | null;
  readonly signal: string | null;
  readonly seconds: number;
  readonly memory: number;
  readonly out: string;
  readonly err: string;
}

export async function outcomeOf(line: string, archive: string, folder: string): Promise<Outcome> {
  const place = mkdtempSync(join(folder, 'place-'));
  const here = join(place, 'here');
  mkdirSync(here);
  copyFileSync(archive, join(here, 'checkpoint-copy.tar'));
  const words = line
    .split(' ')
    .map((word) => (word === 'ARCHIVE' || word === 'COPY' ? 'checkpoint-copy.tar' : word));
  const started = performance.now();
  const measured = join(place, 'memory');
  const limited = ['prlimit', `--data=${dataLimit}`, ...program];
  const args = ['-f', '%M', '-o', measured, ...limited, ...words];
  const env = { PATH: '/usr/bin:/bin', CACHE_DIRECTORY: '', NO_COLOR: '1' };
  const child = spawn('/usr/bin/time', args, {
    cwd: here,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  // The group, not only the program that measures.
  const tooLong = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), patience);
  const [out, err, [status, signal]] = await Promise.all([
    beginning(child.stdout),
    beginning(child.stderr),
    new Promise<[number | null, NodeJS.Signals | null]>((done) => child.once('exit', (...end) => done(end))),
  ]);
  clearTimeout(tooLong);
  const memory = Number(readIfThere(measured).trim().split('\n').at(-1));
  const left = readdirSync(place).filter((name) => name !== 'here' && name !== 'memory');
  if (left.length > 0) throw new Error(`${line}: left ${left.join(' ')} beside its folder`);
  rmSync(place, { recursive: true });
  return { line, status, signal, seconds: (performance.now() - started) / 1000, memory, out, err };
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** Most of the output that is looked at. */
const looked = 4 << 20;

async function beginning(stream: NodeJS.ReadableStream): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream) {
    if (length < looked) pieces.push(Buffer.from(piece));
    length += piece.length;
  }
  return Buffer.concat(pieces).toString('latin1');
}

/** Words of a mistake in the program, in those of both engines that run it. */
const mistakes =
  /Maximum call stack|Invalid (array|typed array|string) length|Cannot read propert|is not a function|RangeError|TypeError|[Oo]ut of (memory|range|bounds)|is not an object|allocation failed|BigInt|\n {4}at |Length out of range|undefined/;

/** Bytes of UTF-8 are above 0x9f or stand behind one that is; the last are signs that turn the direction of text. */
const controls = /[\x00-\x08\x0b-\x1f\x7f]|(?<![\x80-\xff])[\x80-\x9f]|\xe2\x80[\xaa-\xae]/;
/** They are no control characters to JSON. */
const directions = /\xe2\x80[\xaa-\xae]/g;

/** What is wrong with an outcome, or undefined. */
export function wrongWith({ line, status, signal, memory, out, err }: Outcome): string | undefined {
  if (status === null) return `ended by ${signal}`;
  if (status > 2) return `status ${status}`;
  if (mistakes.test(err)) return `not an error of ours: ${mistakes.exec(err)?.[0]}`;
  const silent = status !== 0 && err === '' && !/^(search|verify)/.test(line);
  if (silent) return 'failed without a word';
  const shown = /^cat/.test(line) ? err : out + err;
  const control = controls.exec(line.includes('json') ? shown.replaceAll(directions, '') : shown);
  if (control) {
    const place = JSON.stringify(shown.slice(control.index, control.index + 20));
    return `a control character at ${control.index}: ${place}`;
  }
  if (memory > mostMemory) return `${memory >> 10} MiB of memory`;
  return undefined;
}
