import type { ChangedFile } from './container-files.ts';
import type { Mount } from './mounts.ts';
import type { Descriptor } from './open-files.ts';
import { type ProcessNode, walk } from './process-tree.ts';
import type { Report } from './report.ts';

/** What one checkpoint has and the other has not, by some key; `unchanged` in the order of the second. */
export interface Changes<T> {
  readonly added: readonly T[];
  readonly removed: readonly T[];
  readonly unchanged: readonly T[];
}

export interface ProcessChange {
  readonly pid: number;
  readonly before: ProcessNode;
  readonly after: ProcessNode;
  /** What differs; `comm` and `parent` hint at another process under the same number. */
  readonly what: readonly ('comm' | 'parent' | 'state' | 'args' | 'environment' | 'threads')[];
}

export interface FileOfProcess extends Descriptor {
  readonly pid: number;
}

export interface ReportDiff {
  /** Whether both are of the same container. */
  readonly sameContainer: boolean;
  readonly processes: Changes<ProcessNode> & { readonly modified: readonly ProcessChange[] };
  /** Descriptors that are no sockets. */
  readonly files: Changes<FileOfProcess>;
  readonly sockets: Changes<FileOfProcess>;
  /** Names of variables whose value differs, by process. */
  readonly environment: readonly EnvironmentChange[];
  readonly mounts: Changes<Mount> & { readonly modified: readonly MountChange[] };
  readonly rootfs: Changes<ChangedFile> & { readonly modified: readonly FileChange[] };
  /** Bytes of pages, before and after. */
  readonly memory: { readonly before: number; readonly after: number };
  /** Pages of each process that is in both, where maps were read. */
  readonly resident: readonly { readonly pid: number; readonly before: number; readonly after: number }[];
}

/** One path of the root file system whose entry differs; contents are not compared. */
export interface FileChange {
  readonly before: ChangedFile;
  readonly after: ChangedFile;
}

/** One mountpoint, mounted otherwise. */
export interface MountChange {
  readonly before: Mount;
  readonly after: Mount;
}

export interface EnvironmentChange {
  readonly pid: number;
  readonly name: string;
  readonly before?: string;
  readonly after?: string;
}

/**
 * What changed between two checkpoints, as far as both reports have it: processes, and of the sections `files`,
 * `mounts`, `rootfs` and `maps`.
 */
export function diffReports(before: Report, after: Report): ReportDiff {
  const [oldFiles, newFiles] = [descriptorsOf(before), descriptorsOf(after)];
  const isSocket = ({ file }: FileOfProcess): boolean => file.socket !== undefined;
  const plain = (one: FileOfProcess): boolean => !isSocket(one);
  return {
    sameContainer: before.identity.id === after.identity.id,
    processes: diffProcesses(before, after),
    files: changes(
      oldFiles.filter(plain),
      newFiles.filter(plain),
      ({ pid, fd, file }) => `${pid} ${fd} ${file.label}`,
    ),
    sockets: changes(oldFiles.filter(isSocket), newFiles.filter(isSocket), socketKey),
    environment: diffEnvironment(before, after),
    mounts: diffMounts(mountsOf(before), mountsOf(after)),
    rootfs: diffRootfs(before.sections?.rootfs ?? [], after.sections?.rootfs ?? []),
    memory: { before: before.sizes.pages, after: after.sizes.pages },
    resident: diffResident(before, after),
  };
}

function changes<T>(before: readonly T[], after: readonly T[], key: (one: T) => string): Changes<T> {
  const old = new Set(before.map(key));
  const now = new Set(after.map(key));
  return {
    added: after.filter((one) => !old.has(key(one))),
    removed: before.filter((one) => !now.has(key(one))),
    unchanged: after.filter((one) => old.has(key(one))),
  };
}

function byPid(report: Report): Map<number, ProcessNode> {
  return new Map([...walk(report.processes ?? [])].map((node) => [node.pid, node]));
}

function diffProcesses(before: Report, after: Report): ReportDiff['processes'] {
  const [old, now] = [byPid(before), byPid(after)];
  const both = changes([...old.values()], [...now.values()], ({ pid }) => String(pid));
  const modified: ProcessChange[] = [];
  for (const node of both.unchanged) {
    const was = old.get(node.pid);
    const what = was ? differences(was, node) : [];
    if (was && what.length > 0) modified.push({ pid: node.pid, before: was, after: node, what });
  }
  const changed = new Set(modified.map(({ pid }) => pid));
  return { ...both, modified, unchanged: both.unchanged.filter(({ pid }) => !changed.has(pid)) };
}

function differences(was: ProcessNode, is: ProcessNode): ProcessChange['what'] {
  const same = (a: readonly unknown[] | undefined, b: readonly unknown[] | undefined): boolean =>
    a === undefined || b === undefined || (a.length === b.length && a.every((one, at) => one === b[at]));
  const what: ProcessChange['what'][number][] = [];
  if (was.comm !== is.comm) what.push('comm');
  if (was.ppid !== is.ppid) what.push('parent');
  if (was.state !== is.state) what.push('state');
  if (!same(was.args, is.args)) what.push('args');
  if (!same(was.environment, is.environment)) what.push('environment');
  if (!same(was.threads, is.threads)) what.push('threads');
  return what;
}

function descriptorsOf(report: Report): FileOfProcess[] {
  const processes = report.sections?.files ?? [];
  return processes.flatMap(({ pid, descriptors }) => descriptors.map((one) => ({ pid, ...one })));
}

function socketKey({ pid, file: { socket } }: FileOfProcess): string {
  const { protocol, family, type, path, source, destination, state } = socket ?? {};
  const ends = [source?.address, source?.port, destination?.address, destination?.port];
  return [pid, family, protocol, type, path, ...ends, state].join('\0');
}

function diffEnvironment(before: Report, after: Report): EnvironmentChange[] {
  const old = byPid(before);
  const found: EnvironmentChange[] = [];
  for (const node of byPid(after).values()) {
    const was = old.get(node.pid);
    if (!was?.environment || !node.environment) continue;
    const [from, to] = [settings(was.environment), settings(node.environment)];
    for (const name of new Set([...from.keys(), ...to.keys()])) {
      const [a, b] = [from.get(name), to.get(name)];
      if (a === b) continue;
      found.push({
        pid: node.pid,
        name,
        ...(a !== undefined && { before: a }),
        ...(b !== undefined && { after: b }),
      });
    }
  }
  return found;
}

function settings(environment: readonly string[]): Map<string, string> {
  return new Map(
    environment.map((text) => {
      const at = text.indexOf('=');
      return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function mountsOf(report: Report): Mount[] {
  return (report.sections?.mounts ?? []).flatMap(({ mounts }) => mounts);
}

/** Numbers and devices differ from dump to dump; what is mounted where, and how, does not. */
function diffMounts(before: readonly Mount[], after: readonly Mount[]): ReportDiff['mounts'] {
  const [old, now] = [byMountpoint(before), byMountpoint(after)];
  const both = changes([...old.keys()], [...now.keys()], (key) => key);
  const at = (table: ReadonlyMap<string, Mount>, keys: readonly string[]): Mount[] =>
    keys.flatMap((key) => table.get(key) ?? []);
  const pairs = both.unchanged.map((key) => ({ before: old.get(key), after: now.get(key) }));
  const modified = pairs.filter(
    (pair): pair is MountChange => !!pair.before && !!pair.after && isOther(pair.before, pair.after),
  );
  const others = new Set(modified.map(({ after }) => after));
  return {
    added: at(now, both.added),
    removed: at(old, both.removed),
    modified,
    unchanged: at(now, both.unchanged).filter((mount) => !others.has(mount)),
  };
}

/** By mountpoint and how many are mounted there already: one may be mounted over another. */
function byMountpoint(mounts: readonly Mount[]): Map<string, Mount> {
  const depth = new Map<string, number>();
  return new Map(
    mounts.map((mount) => {
      const below = depth.get(mount.mountpoint) ?? 0;
      depth.set(mount.mountpoint, below + 1);
      return [`${mount.mountpoint}\0${below}`, mount];
    }),
  );
}

function isOther(was: Mount, is: Mount): boolean {
  const facts = ({ type, source, root, flags, options, external }: Mount): string =>
    [type, source, root, flags, options, external].join('\0');
  return facts(was) !== facts(is);
}

function diffRootfs(before: readonly ChangedFile[], after: readonly ChangedFile[]): ReportDiff['rootfs'] {
  const both = changes(before, after, ({ path }) => path);
  const old = new Map(before.map((file) => [file.path, file]));
  const facts = ({ type, size, mode, uid, gid, mtime, linkName }: ChangedFile): string =>
    [type, size, mode, uid, gid, mtime, linkName].join('\0');
  const modified = both.unchanged.flatMap((file) => {
    const was = old.get(file.path);
    return was && facts(was) !== facts(file) ? [{ before: was, after: file }] : [];
  });
  const others = new Set(modified.map(({ after }) => after));
  return { ...both, modified, unchanged: both.unchanged.filter((file) => !others.has(file)) };
}

function diffResident(before: Report, after: Report): ReportDiff['resident'] {
  const old = new Map((before.sections?.maps ?? []).map(({ pid, resident }) => [pid, resident]));
  return (after.sections?.maps ?? []).flatMap(({ pid, resident }) => {
    const was = old.get(pid);
    return was === undefined ? [] : [{ pid, before: was, after: resident }];
  });
}
