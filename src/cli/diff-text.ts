import type { ChangedFile } from '../inspect/container-files.ts';
import type { Changes, EnvironmentChange, FileOfProcess } from '../inspect/diff.ts';
import type { Mount } from '../inspect/mounts.ts';
import type { ProcessNode } from '../inspect/process-tree.ts';
import type { Report } from '../inspect/report.ts';
import type { SocketAddress } from '../inspect/sockets.ts';
import { pageLines } from './diff-pages.ts';
import { allFiles, type DiffParts, type FullDiff, summaryLines } from './diff-summary.ts';
import { commandLine } from './inspect-json.ts';
import { printable } from './output/escape.ts';
import { displayWidth, padRight } from './output/width.ts';

/** Columns inside the box and of a section's rule. */
const boxWidth = 62;

/** What of the comparison to print. */
export interface DiffTextParts extends DiffParts {
  'ps-tree-env': boolean;
  'show-unchanged': boolean;
}

/** The comparison for people: who, memory, processes, files, sockets, summary. */
export function diffText(a: Report, b: Report, diff: FullDiff, parts: DiffTextParts): string {
  const unchanged = parts['show-unchanged'];
  const lines = ['', ...box(a), '', ...sideLines('A', a), ...sideLines('B', b), ''];
  const put = (title: string, changes: readonly string[]): void => {
    lines.push('', section(title));
    for (const line of changes) lines.push(line);
  };
  lines.push(section('Memory Changes'), `│ ${memoryText(diff.memory.after - diff.memory.before)}`);
  for (const line of diff.pages ? pageLines(diff.pages, unchanged) : []) lines.push(line);
  put('Process Tree', changeLines(diff.processes, processText, unchanged));
  if (parts['ps-tree-env']) {
    const changes = diff.environment.map((change) => `│ ${environmentText(change)}`);
    put('Environment Changes', changes.length > 0 ? changes : ['│ = No change']);
  }
  if (parts.files) {
    const files = changeLines(allFiles(diff), fileText, unchanged);
    put('File Descriptor Changes', files);
  }
  if (parts.sockets) {
    put('Socket Changes', changeLines(diff.sockets, socketText, unchanged));
  }
  if (parts.mounts) {
    put('Mount Changes', changeLines(diff.mounts, mountText, unchanged));
  }
  if (parts.rootfs) {
    put('Root FS Changes', changeLines(diff.rootfs, changedFileText, unchanged));
  }
  lines.push('', 'Summary:', ...summaryLines(a, diff, parts).map((line) => `  ${line}`), '');
  return lines.join('\n');
}

function box({ identity }: Report): string[] {
  const fields = [
    ['Container', identity.name],
    ['ID', identity.id],
    ['Image', identity.image],
  ];
  const rows = fields.map(
    ([name, value = '']) => `║ ${padRight(`${name}: ${short(printable(value))}`, boxWidth)} ║`,
  );
  return [`╔${'═'.repeat(boxWidth + 2)}╗`, ...rows, `╚${'═'.repeat(boxWidth + 2)}╝`];
}

/** Cut to what fits into the box. */
function short(text: string): string {
  return displayWidth(text) > 51 ? `${text.slice(0, 48)}...` : text;
}

function sideLines(name: string, { identity, sizes }: Report): string[] {
  const checkpointed = identity.checkpointed ? [`  Checkpointed: ${printable(identity.checkpointed)}`] : [];
  return [
    `Checkpoint ${name}:`,
    `  Created: ${printable(identity.created)}`,
    ...checkpointed,
    `  Size: ${sizes.images} bytes`,
  ];
}

function section(title: string): string {
  return `┌─ ${title} ${'─'.repeat(boxWidth - title.length - 1)}┐`;
}

function memoryText(bytes: number): string {
  if (bytes === 0) return '= No change';
  const size = `${(Math.abs(bytes) / 2 ** 20).toFixed(2)} MB`;
  return bytes > 0 ? `↑ Increased by ${size}` : `↓ Decreased by ${size}`;
}

function changeLines<T>(
  changes: Changes<T> & { readonly modified?: readonly { readonly before: T; readonly after: T }[] },
  text: (item: T) => string,
  unchanged: boolean,
): string[] {
  const lines = [
    ...changes.added.map((item) => `│ + ${text(item)}`),
    ...changes.removed.map((item) => `│ - ${text(item)}`),
    ...(changes.modified ?? []).map(({ before, after }) => {
      const [from, to] = [text(before), text(after)];
      return from === to ? `│ ~ ${to}` : `│ ~ ${from} -> ${to}`;
    }),
    ...(unchanged ? changes.unchanged.map((item) => `│ = ${text(item)}`) : []),
  ];
  return lines.length > 0 ? lines : ['│ = No change'];
}

function environmentText({ pid, name, before, after }: EnvironmentChange): string {
  const place = `PID ${pid} ${printable(name)}`;
  if (before === undefined) return `+ ${place}=${printable(after ?? '')}`;
  if (after === undefined) return `- ${place}=${printable(before)}`;
  return `~ ${place}=${printable(before)} -> ${printable(after)}`;
}

function processText({ pid, comm, args, state }: ProcessNode): string {
  const note = state === 'Alive' ? '' : ` (${state})`;
  return `PID ${pid}${note} ${printable(args?.length ? commandLine(args).trimEnd() : comm)}`;
}

function fileText({ pid, fd, file }: FileOfProcess): string {
  return `PID ${pid} [${typeof fd === 'number' ? `${file.type} ${fd}` : fd}] ${printable(file.label)}`;
}

function socketText({ pid, file: { socket } }: FileOfProcess): string {
  if (!socket) return `PID ${pid}`;
  const end = (one: SocketAddress | undefined): string => (one ? `${one.address}:${one.port}` : '');
  const local = socket.path ? printable(socket.path) : end(socket.source);
  const protocol = socket.family === 'UNIX' ? `UNIX ${socket.type}` : socket.protocol || socket.family;
  return `PID ${pid} ${protocol} ${socket.state} ${local} ${end(socket.destination)}`.trimEnd();
}

function mountText({ mountpoint, type, source, root, flags, options, external }: Mount): string {
  const from = root === '/' ? source : `${source}[${root}]`;
  const how = [...flags, options].filter(Boolean).join(',');
  const outside = external === undefined ? '' : ` external ${external}`;
  return printable(`${mountpoint} ${type} ${from} ${how}${outside}`.trimEnd());
}

function changedFileText({ path, type, size, mode, uid, gid, linkName, removes }: ChangedFile): string {
  const link = linkName === undefined ? '' : ` -> ${linkName}`;
  const what = removes ? 'removed' : `${type} ${(mode & 0o7777).toString(8).padStart(4, '0')}`;
  return printable(`${path}${link} ${what} ${uid}:${gid} ${size} B`);
}
