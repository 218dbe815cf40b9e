import type { Codec } from '../archive/compression.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { readDump } from '../checkpoint/dump-json.ts';
import { type Identity, type NetworkAddress, readIdentity, readNetworks } from '../checkpoint/identity.ts';
import { memberNames } from '../checkpoint/layout.ts';
import { CodedError } from '../errors/coded-error.ts';
import { type Problem, Problems } from './problems.ts';
import type { ProcessNode } from './process-tree.ts';
import type { SectionName, Sections } from './sections.ts';
import { type CheckpointSizes, checkpointSizes } from './sizes.ts';
import type { DumpStatistics } from './stats.ts';

/** What to find out beyond who the container was and how big its checkpoint is. */
export interface ReportOptions {
  processes?: boolean;
  /** Arguments and environment of each process; both need `processes`. */
  args?: boolean;
  environment?: boolean;
  statistics?: boolean;
  mounts?: boolean;
  /** Only this process and those below it. */
  pid?: number | undefined;
  /** Whatever else is wanted, see {@link Sections}. */
  sections?: readonly SectionName[];
  /** Unpacks compressed members, for the section `rootfs`. */
  codec?: Codec;
  /** The checkpoint that an incremental one builds on. */
  parent?: Checkpoint;
  signal?: AbortSignal | undefined;
}

/** A mount as the container's specification asks for it. */
export interface SpecMount {
  destination: string;
  type: string;
  source: string;
}

/** What one checkpoint holds, as plain data: tree, table and JSON only render it. */
export interface Report {
  identity: Identity;
  sizes: CheckpointSizes;
  /** Podman's; empty for other engines. */
  networks: NetworkAddress[];
  statistics?: DumpStatistics;
  /** One root, unless the tree does not hang together. */
  processes?: ProcessNode[];
  mounts?: SpecMount[];
  sections?: Sections;
  /** What could not be read. The rest stands without it. */
  problems: readonly Problem[];
}

/**
 * Looks into a checkpoint. The analyses are loaded when they are wanted: a heading needs none of them. Only what is asked for is read.
 * @throws CodedError where it is no checkpoint, or its identity cannot be read; anything else that is wrong with
 *   it becomes a problem of the report.
 */
export async function readReport(checkpoint: Checkpoint, options: ReportOptions = {}): Promise<Report> {
  const { signal } = options;
  const texts = options.args === true || options.environment === true;
  const images = options.processes ? ['inventory.img', 'pstree.img', 'core-'] : [];
  if (checkpoint.sequential) {
    const { announce, headMembers } = await import('./announce.ts');
    await announce(checkpoint, { names: headMembers, images, texts }, signal);
  }
  await requireImages(checkpoint, signal);
  const problems = new Problems();
  const report: Report = {
    identity: await readIdentity(checkpoint, signal),
    sizes: await checkpointSizes(checkpoint, signal),
    networks: await readNetworks(checkpoint, signal),
    problems: problems.list,
  };
  if (options.statistics) await addStatistics(report, checkpoint, problems);
  if (options.processes) await addProcesses(report, checkpoint, options, problems);
  if (options.mounts) {
    const mounts = await problems.attempt('mounts', () => specMounts(checkpoint, signal));
    if (mounts) report.mounts = mounts;
  }
  if (options.sections?.length) {
    const { readSections } = await import('./sections.ts');
    report.sections = await readSections(checkpoint, options.sections, { ...options, problems });
  }
  return report;
}

/** @throws CodedError in checkpointctl's words unless there are images. */
async function requireImages(checkpoint: Checkpoint, signal?: AbortSignal): Promise<void> {
  const { files, raw } = await checkpoint.members(signal);
  const inFolder = (name: string): boolean => /^(\.\/)?checkpoint(\/|$)/.test(name);
  if (files.some(({ name }) => inFolder(name))) return;
  if (raw.some(({ name, type }) => type === 'directory' && inFolder(name))) return;
  const message = `checkpoint directory is missing in the archive file: ${checkpoint.origin}`;
  throw new CodedError('corrupt', message, { data: { origin: checkpoint.origin } });
}

async function addStatistics(report: Report, checkpoint: Checkpoint, problems: Problems): Promise<void> {
  const { dumpStatistics } = await import('./stats.ts');
  const statistics = await problems.attempt('dump statistics', () => dumpStatistics(checkpoint));
  if (statistics) report.statistics = statistics;
}

async function addProcesses(
  report: Report,
  checkpoint: Checkpoint,
  { args, environment, pid }: ReportOptions,
  problems: Problems,
): Promise<void> {
  const [{ imagesOf }, { processTree, walk }] = await Promise.all([
    import('./images.ts'),
    import('./process-tree.ts'),
  ]);
  const roots = await problems.attempt('process tree', async () =>
    processTree(await imagesOf(checkpoint), { args, environment, problems }),
  );
  if (!roots) return;
  if (pid === undefined) {
    report.processes = roots;
    return;
  }
  for (const process of walk(roots)) {
    if (process.pid !== pid) continue;
    report.processes = [process];
    return;
  }
  throw new CodedError(
    'not-found',
    `no process with PID ${pid} (use \`inspect --ps-tree\` to view all PIDs)`,
  );
}

async function specMounts(checkpoint: Checkpoint, signal?: AbortSignal): Promise<SpecMount[]> {
  const spec = await readDump(checkpoint, memberNames.specDump, signal);
  const mounts = spec.get('mounts');
  return (Array.isArray(mounts) ? mounts : []).map((mount) => {
    const text = (key: string): string => {
      const value = mount instanceof Map ? mount.get(key) : undefined;
      return typeof value === 'string' ? value : '';
    };
    return { destination: text('destination'), type: text('type'), source: text('source') };
  });
}
