import type { Changes, FileOfProcess, ReportDiff } from '../inspect/diff.ts';
import type { PageCounts, PageDiff } from '../inspect/page-diff.ts';
import type { Report } from '../inspect/report.ts';
import { printable } from './output/escape.ts';

/** What of a comparison is wanted. */
export interface DiffParts {
  files: boolean;
  sockets: boolean;
  mounts: boolean;
  rootfs: boolean;
}

/** A comparison with that of the pages, where it was asked for. */
export interface FullDiff extends ReportDiff {
  readonly pages?: readonly PageDiff[] | undefined;
}

/** The pages of all processes and segments. */
export function pageSums(spaces: readonly PageDiff[]): PageCounts {
  const sum = { same: 0, changed: 0, added: 0, removed: 0, unknown: 0 };
  for (const { pages } of spaces) {
    for (const change of Object.keys(sum) as (keyof PageCounts)[]) sum[change] += pages[change];
  }
  return sum;
}

/** All descriptors, sockets among them, as checkpointctl counts files. */
export function allFiles({ files, sockets }: ReportDiff): Changes<FileOfProcess> {
  return {
    added: [...files.added, ...sockets.added],
    removed: [...files.removed, ...sockets.removed],
    unchanged: [...files.unchanged, ...sockets.unchanged],
  };
}

/** What changed, in a few lines; what did not change is not mentioned. */
export function summaryLines({ identity }: Report, diff: FullDiff, parts: DiffParts): string[] {
  const lines = [`Checkpoint comparison for container ${printable(identity.name)}`];
  const { processes, memory } = diff;
  if (processes.added.length + processes.removed.length + processes.modified.length > 0) {
    lines.push(`Processes: ${counts(processes)} ~${processes.modified.length}`);
  }
  const some = (title: string, changes: Changes<unknown> & { modified?: readonly unknown[] }): void => {
    const modified = changes.modified?.length ?? 0;
    if (changes.added.length + changes.removed.length + modified === 0) return;
    lines.push(`${title}: ${counts(changes)}${modified > 0 ? ` ~${modified}` : ''}`);
  };
  if (parts.files) some('Files', allFiles(diff));
  if (parts.sockets) some('Sockets', diff.sockets);
  if (parts.mounts) some('Mounts', diff.mounts);
  if (parts.rootfs) some('Root FS', diff.rootfs);
  const change = (memory.after - memory.before) / 2 ** 20;
  if (change !== 0) lines.push(`Memory: ${change < 0 ? '-' : '+'}${Math.abs(change).toFixed(2)} MB`);
  const pages = diff.pages && pageSums(diff.pages);
  if (pages) lines.push(`Pages: +${pages.added} -${pages.removed} ~${pages.changed}`);
  return lines;
}

function counts({ added, removed }: Changes<unknown>): string {
  return `+${added.length} -${removed.length}`;
}
