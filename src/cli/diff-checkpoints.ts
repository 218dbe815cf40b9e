import { type Printable, printGoJson } from '../bytes/go-json.ts';
import { type Changes, diffReports, type FileOfProcess, type ReportDiff } from '../inspect/diff.ts';
import type { ProcessNode } from '../inspect/process-tree.ts';
import { type Report, readReport } from '../inspect/report.ts';
import { lateCodec } from '../localfs/late-codec.ts';
import { CommandError } from './command.ts';
import type { Console } from './console.ts';
import { allFiles, summaryLines } from './diff-summary.ts';
import { diffText } from './diff-text.ts';
import { commandLine } from './inspect-json.ts';
import { openCheckpoint } from './open.ts';
import { printable } from './output/escape.ts';

export interface DiffFlags {
  files: boolean;
  format: string;
  'ps-tree-cmd': boolean;
  'ps-tree-env': boolean;
  'show-unchanged': boolean;
  sockets: boolean;
}

/** Compares two checkpoints of one container and prints how they differ. */
export async function diffCheckpoints(
  pathA: string,
  pathB: string,
  flags: DiffFlags,
  console: Console,
): Promise<void> {
  if (flags.format !== 'tree' && flags.format !== 'json') {
    throw new CommandError(`invalid output format: ${printable(flags.format)}`);
  }
  const a = await reportOf(pathA, flags, console);
  const b = await reportOf(pathB, flags, console);
  const diff = diffReports(a, b);
  if (!diff.sameContainer) {
    const name = ({ identity }: Report): string => `${printable(identity.name)} (${printable(identity.id)})`;
    throw new CommandError(`checkpoints are from different containers:\n  A: ${name(a)}\n  B: ${name(b)}`);
  }
  if (flags.format === 'json') console.out.write(`${printGoJson(diffNode(a, b, diff, flags), '  ')}\n`);
  else console.out.write(diffText(a, b, diff, flags));
}

async function reportOf(path: string, flags: DiffFlags, console: Console): Promise<Report> {
  const checkpoint = await openCheckpoint(path, { limits: console.limits, signal: console.signal });
  try {
    const report = await readReport(checkpoint, {
      processes: true,
      args: flags['ps-tree-cmd'],
      environment: flags['ps-tree-env'],
      sections: flags.files || flags.sockets ? ['files'] : [],
      codec: lateCodec,
      signal: console.signal,
    });
    for (const { about, message } of report.problems) {
      console.err.write(
        `Error: ${printable(path)}: failed to get ${printable(about)}: ${printable(message)}\n`,
      );
    }
    return report;
  } finally {
    await checkpoint.close();
  }
}

function diffNode(a: Report, b: Report, diff: ReportDiff, flags: DiffFlags): Printable {
  const change = diff.memory.after - diff.memory.before;
  const side = ({ identity, sizes }: Report) => ({
    created: identity.created,
    checkpointed: identity.checkpointed,
    total_size: sizes.images,
  });
  return {
    container_id: a.identity.id,
    container_name: a.identity.name,
    image: a.identity.image,
    checkpoint_a: side(a),
    checkpoint_b: side(b),
    process_changes: changesNode(diff.processes, processNode),
    environment_changes:
      flags['ps-tree-env'] && diff.environment.length > 0
        ? diff.environment.map((one) => ({ ...one }))
        : undefined,
    file_changes: flags.files ? changesNode(allFiles(diff), fileNode) : undefined,
    memory_changes: { size_change_bytes: change, size_change_mb: change / 2 ** 20 },
    socket_changes: flags.sockets ? changesNode(diff.sockets, socketNode) : undefined,
    summary: summaryLines(a, diff, flags).join('\n'),
  };
}

function changesNode<T>(
  changes: Changes<T> & { readonly modified?: readonly { readonly after: T }[] },
  node: (item: T) => Printable,
): Printable {
  const list = (items: readonly T[] = []) => (items.length > 0 ? items.map(node) : undefined);
  return {
    added: list(changes.added),
    removed: list(changes.removed),
    modified: list(changes.modified?.map(({ after }) => after)),
    unchanged: list(changes.unchanged),
  };
}

function processNode({ pid, comm, args }: ProcessNode): Printable {
  return { pid, command: comm, cmdline: args?.length ? commandLine(args) : undefined };
}

function fileNode({ pid, fd, file }: FileOfProcess): Printable {
  const type = typeof fd === 'number' ? file.type : '';
  return { path: file.label, type, pid, fd: typeof fd === 'number' ? `${type} ${fd}` : fd };
}

function socketNode({ pid, file: { socket } }: FileOfProcess): Printable {
  if (!socket) return { pid };
  return {
    pid,
    protocol: socket.protocol || socket.type,
    type: socket.family === 'UNIX' ? 'UNIX' : socket.protocol || socket.family,
    address: socket.path || undefined,
    state: socket.state,
    source: socket.source?.address,
    src_port: socket.source?.port || undefined,
    dest: socket.destination?.address,
    dst_port: socket.destination?.port || undefined,
  };
}
