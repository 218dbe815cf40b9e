import { printGoJson } from '../bytes/go-json.ts';
import { type Report, type ReportOptions, readReport } from '../inspect/report.ts';
import { type SectionName, sectionNames } from '../inspect/sections.ts';
import { lateCodec } from '../localfs/late-codec.ts';
import { CommandError } from './command.ts';
import type { Console } from './console.ts';
import { displayNode, type ShownParts } from './inspect-json.ts';
import { reportTree } from './inspect-tree.ts';
import { openCheckpoint } from './open.ts';
import { printable } from './output/escape.ts';
import { treeText } from './output/tree.ts';
import { withContainersOfPods } from './pod-archives.ts';
import { reportError } from './report-error.ts';

export interface InspectFlags {
  all: boolean;
  files: boolean;
  format: string;
  metadata: boolean;
  mounts: boolean;
  pid: number;
  'ps-tree': boolean;
  'ps-tree-cmd': boolean;
  'ps-tree-env': boolean;
  section: readonly string[];
  sockets: boolean;
  stats: boolean;
}

/**
 * Prints what is in each checkpoint. What cannot be read in one of them is said on standard error, and the
 * rest is printed all the same.
 * @returns 1 when something could not be read.
 */
export async function inspectFiles(
  paths: readonly string[],
  flags: InspectFlags,
  console: Console,
): Promise<number> {
  if (flags.format !== 'tree' && flags.format !== 'json') {
    throw new CommandError(`invalid output format: ${printable(flags.format)}`);
  }
  const shown = shownParts(flags);
  const reports: Report[] = [];
  let failed = false;
  for (const path of await withContainersOfPods(paths, console)) {
    const report = await inspectOne(path, optionsOf(flags, shown), console);
    failed ||= !report || report.problems.length > 0;
    if (!report) continue;
    reports.push(report);
    if (flags.format === 'json') continue;
    console.out.write(`\nDisplaying container checkpoint tree view from ${printable(path)}\n\n`);
    console.out.write(`${treeText(reportTree(report, shown))}\n`);
  }
  if (flags.format === 'json' && reports.length > 0) {
    const nodes = reports.map((report) => displayNode(report, shown));
    console.out.write(`${printGoJson(nodes, '  ')}\n`);
  }
  return failed ? 1 : 0;
}

async function inspectOne(
  path: string,
  options: ReportOptions,
  console: Console,
): Promise<Report | undefined> {
  try {
    const checkpoint = await openCheckpoint(path, { limits: console.limits });
    try {
      const report = await readReport(checkpoint, options);
      for (const { about, message } of report.problems) {
        console.err.write(`Error: failed to get ${printable(about)}: ${printable(message)}\n`);
      }
      return report;
    } finally {
      await checkpoint.close();
    }
  } catch (error) {
    reportError(error, console);
    return undefined;
  }
}

function shownParts(flags: InspectFlags): ShownParts & { sections: readonly SectionName[] } {
  for (const name of flags.section) {
    if (name !== 'all' && !sectionNames.includes(name as SectionName)) {
      throw new CommandError(`unknown section: ${printable(name)}`, {
        hint: `one of all, ${sectionNames.join(', ')}`,
      });
    }
  }
  const wanted = (name: SectionName): boolean =>
    flags.section.includes('all') || flags.section.includes(name);
  return {
    metadata: flags.all || flags.metadata,
    files: flags.all || flags.files,
    sockets: flags.all || flags.sockets,
    sections: sectionNames.filter(wanted),
  };
}

function optionsOf(
  flags: InspectFlags,
  shown: ShownParts & { sections: readonly SectionName[] },
): ReportOptions {
  const args = flags.all || flags['ps-tree-cmd'];
  const environment = flags.all || flags['ps-tree-env'];
  const files = shown.files || shown.sockets;
  const sections =
    files && !shown.sections.includes('files') ? [...shown.sections, 'files' as const] : shown.sections;
  return {
    processes: flags['ps-tree'] || flags.pid !== 0 || args || environment || files === true,
    args,
    environment,
    statistics: flags.all || flags.stats,
    mounts: flags.all || flags.mounts,
    pid: flags.pid === 0 ? undefined : flags.pid,
    sections,
    codec: lateCodec,
  };
}
