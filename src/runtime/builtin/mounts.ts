import { readFile } from 'node:fs/promises';
import { CodedError } from '../../errors/coded-error.ts';
import { runProgram } from './run-program.ts';

export interface OverlayDirectories {
  /** The topmost first. */
  layers: readonly string[];
  upper: string;
  work: string;
  /** Where it is mounted. */
  merged: string;
}

/** @throws CodedError `internal` with what `mount` said. */
export async function mountOverlay(directories: OverlayDirectories, signal?: AbortSignal): Promise<void> {
  const { layers, upper, work, merged } = directories;
  // A container's own layer must hold whole files and folders, or it could not be carried elsewhere.
  const whole = 'redirect_dir=off,metacopy=off';
  const options = `lowerdir=${layers.map(escaped).join(':')},upperdir=${escaped(upper)},workdir=${escaped(work)},${whole}`;
  await mount(['-t', 'overlay', '-o', options, 'overlay', merged], merged, signal);
}

/** A tmpfs of at most `size` bytes, or such a part of the memory. */
export async function mountTmpfs(target: string, mode: number, size: number | `${number}%`): Promise<void> {
  const options = `nosuid,nodev,noexec,mode=${mode.toString(8)},size=${size}`;
  await mount(['-t', 'tmpfs', '-o', options, 'tmpfs', target], target);
}

async function mount(args: readonly string[], target: string, signal?: AbortSignal): Promise<void> {
  const run = await runProgram('mount', args, { signal });
  if (run.status === 0) return;
  throw new CodedError(
    'internal',
    `mounting ${target}: ${run.stderr.trim() || `mount failed (${run.status})`}`,
    {
      data: { target },
    },
  );
}

/** Colons part layers and commas part options; the kernel takes a backslash before either. */
function escaped(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&');
}

/**
 * Takes everything that is mounted on `target` off again; nothing mounted is no error.
 * A mount that something still uses is detached: it goes when its last user does.
 */
export async function unmount(target: string): Promise<void> {
  for (const path of (await mountPoints()).filter((point) => point === target)) {
    const run = await runProgram('umount', [path]);
    if (run.status === 0) continue;
    const lazy = await runProgram('umount', ['--lazy', path]);
    if (lazy.status === 0 || !(await mountPoints()).includes(path)) continue;
    throw new CodedError('internal', `unmounting ${path}: ${lazy.stderr.trim()}`, { data: { target } });
  }
}

export async function isMounted(target: string): Promise<boolean> {
  return (await mountPoints()).includes(target);
}

/** Where something is mounted, in the order of mounting; one line for each mount. */
export async function mountPoints(): Promise<string[]> {
  return (await mountTable()).map((entry) => entry.point);
}

export interface MountEntry {
  point: string;
  type: string;
  /** Of the file system: for a hierarchy of version 1, its controllers. */
  options: string[];
}

export async function mountTable(): Promise<MountEntry[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ');
      const [type = '', , options = ''] = fields.slice(fields.indexOf('-') + 1);
      return { point: unescaped(fields[4] ?? ''), type, options: options.split(',') };
    });
}

/** Blanks and the like are written as three octal digits. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
