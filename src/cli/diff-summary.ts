import type { Changes, FileOfProcess, ReportDiff } from '../inspect/diff.ts';
import type { Report } from '../inspect/report.ts';
import { printable } from './output/escape.ts';

/** What of a comparison is wanted. */
export interface DiffParts {
  files: boolean;
  sockets: boolean;
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
export function summaryLines({ identity }: Report, diff: ReportDiff, parts: DiffParts): string[] {
  const lines = [`Checkpoint comparison for container ${printable(identity.name)}`];
  const { processes, memory } = diff;
  if (processes.added.length + processes.removed.length + processes.modified.length > 0) {
    lines.push(`Processes: ${counts(processes)} ~${processes.modified.length}`);
  }
  const some = (title: string, changes: Changes<unknown>): void => {
    if (changes.added.length + changes.removed.length > 0) lines.push(`${title}: ${counts(changes)}`);
  };
  if (parts.files) some('Files', allFiles(diff));
  if (parts.sockets) some('Sockets', diff.sockets);
  const change = (memory.after - memory.before) / 2 ** 20;
  if (change !== 0) lines.push(`Memory: ${change < 0 ? '-' : '+'}${Math.abs(change).toFixed(2)} MB`);
  return lines;
}

function counts({ added, removed }: Changes<unknown>): string {
  return `+${added.length} -${removed.length}`;
}
