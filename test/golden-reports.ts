/** What `inspect` says of each sample, as it was looked over and committed in `fixtures/reports`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { capturedConsole } from '../src/cli/captured-console.ts';
import { commands } from '../src/cli/commands.ts';
import { run } from '../src/cli/run.ts';
import { sectionNames } from '../src/inspect/sections.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures');
export const archives = join(fixtures, 'archives');
export const reports = join(fixtures, 'reports');

/** The samples that engines made; images alone say nothing of a container. */
export const samples: readonly string[] = readdirSync(archives, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tar(\.gz|\.zst)?$/.test(name) && !/(crun-1\.28|runc-1\.3\.6)\/images/.test(name))
  .sort();

/** One sample of each engine, and those with programs made for it: all sections would be too long for every one. */
const thorough = /^(crun-1\.28-|crio-|containerd-2\.1\.9\/crun|podman-5\.8\.6\/crun\.tar$)/;

/** Filters of system calls are thousands of lines in most samples; these have one of some lines. */
const withFilters = /^crun-1\.28-/;

/** The reports of a sample: name of the file and command line, without the sample's path. */
export function goldenReports(sample: string): readonly (readonly [file: string, line: readonly string[]])[] {
  const stem = sample.replaceAll('/', '_');
  const names = sectionNames.filter((name) => name !== 'seccomp' || withFilters.test(sample));
  const sections = ['inspect', ...names.flatMap((name) => ['--section', name])];
  return [
    [`${stem}.tree.txt`, ['inspect', '--all']],
    [`${stem}.json`, ['inspect', '--all', '--format', 'json']],
    ...(thorough.test(sample) ? [[`${stem}.sections.txt`, sections] as const] : []),
  ];
}

/** What a command line says of the checkpoint at `path`, but for where it lies. */
export async function reportOf(line: readonly string[], path: string): Promise<string> {
  const console = capturedConsole();
  const status = await run(commands, [...line, path], console);
  if (status !== 0 || console.err.text !== '') {
    throw new Error(`${line.join(' ')} ${path} ended with ${status}: ${console.err.text}`);
  }
  return console.out.text.replaceAll(path, 'CHECKPOINT');
}

export function committedReport(file: string): string {
  return readFileSync(join(reports, file), 'utf8');
}
