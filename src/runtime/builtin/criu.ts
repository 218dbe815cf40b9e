import { stat } from 'node:fs/promises';
import { CodedError } from '../../errors/coded-error.ts';
import { findProgram } from './find-program.ts';
import type { CallOptions } from './oci-runtime.ts';
import { runProgram } from './run-program.ts';

/** What is known of the machine's criu. */
export interface CriuFacts {
  /** As it prints it: `4.2.1`. */
  version: string;
  /** As engines compare it: 40201. */
  number: number;
}

/** The oldest that engines accept for containers. */
const oldest = 31600;

/** By the identity of the executable, so that one that was replaced or removed since is noticed. */
const facts = new Map<string, CriuFacts>();

/**
 * The version of criu, asked for once for each executable.
 * @throws CodedError `failed-precondition` when it is missing or too old; the words are those that Kubernetes'
 *   own tests look for.
 */
export async function criuFacts(file = 'criu', options: CallOptions = {}): Promise<CriuFacts> {
  const identity = await identityOf(file);
  const known = facts.get(identity);
  if (known !== undefined) return known;
  const found = parseVersion(await versionText(file, options));
  if (found === undefined || found.number < oldest) {
    const is = found === undefined ? 'its version cannot be read' : `it is ${found.version}`;
    throw unusable(`${is}; at least ${printed(oldest)} is needed`);
  }
  facts.set(identity, found);
  return found;
}

/** Empty for a program that is not there: asking it for its version says so. */
async function identityOf(file: string): Promise<string> {
  try {
    const path = await findProgram(file);
    const { dev, ino, mtimeMs } = await stat(path);
    return `${path} ${dev} ${ino} ${mtimeMs}`;
  } catch {
    return '';
  }
}

async function versionText(file: string, options: CallOptions): Promise<string> {
  try {
    const run = await runProgram(file, ['--version'], options);
    if (run.status === 0) return run.stdout;
    throw unusable(run.stderr.trim().split('\n').at(-1) ?? '');
  } catch (error) {
    if (!(error instanceof CodedError) || error.data['package'] === undefined) throw error;
    throw new CodedError('failed-precondition', `CRIU binary not found or too old (<${oldest})`, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

function unusable(why: string): CodedError {
  return new CodedError('failed-precondition', `CRIU binary not found or too old (<${oldest}): ${why}`, {
    hint: 'install a newer criu (Debian trixie or later: apt-get install criu)',
  });
}

/** From `Version: 4.2.1`; a build from source may add `GitID: …` on a line of its own. */
export function parseVersion(text: string): CriuFacts | undefined {
  const found = /^Version: (\d+)\.(\d+)(?:\.(\d+))?/m.exec(text);
  if (found === null) return undefined;
  const [, major, minor, patch = '0'] = found;
  const number = Number(major) * 10_000 + Number(minor) * 100 + Number(patch);
  return { version: found[0].slice('Version: '.length), number };
}

function printed(number: number): string {
  return `${Math.floor(number / 10_000)}.${Math.floor((number % 10_000) / 100)}`;
}

/**
 * Asks criu whether the kernel gives it what it needs.
 * @throws CodedError `failed-precondition` with the sentence that says what is missing.
 */
export async function checkCriu(file = 'criu', options: CallOptions = {}): Promise<CriuFacts> {
  const known = await criuFacts(file, options);
  const run = await runProgram(file, ['check'], options);
  if (run.status === 0) return known;
  const said = run.stderr.split('\n').filter((line) => /Error/.test(line) && !/RLIMIT_NOFILE/.test(line));
  throw new CodedError('failed-precondition', `criu ${known.version} cannot work on this kernel: ${said[0]}`);
}

/** Whether criu can do one of the things that `criu check --feature` knows: `mem_dirty_track`, `uffd-noncoop`. */
export async function hasCriuFeature(
  feature: string,
  file = 'criu',
  options: CallOptions = {},
): Promise<boolean> {
  return (await runProgram(file, ['check', '--feature', feature], options)).status === 0;
}
