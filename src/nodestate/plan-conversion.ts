import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { encodeAs, type MigrationFacts } from '../checkpointmanager/define.ts';
import { isCoded } from '../errors/coded-error.ts';
import { podAllocationKind, podStatusKind } from '../kubeletstate/allocation.ts';
import { inspectState, judge, type StateKind, within, writtenBy } from '../kubeletstate/state-kind.ts';
import type { Examined } from './examined.ts';

export interface Conversion {
  path: string;
  /** Where the new file goes; another name for the pods' allocation across 1.33. */
  target: string;
  from: string;
  to: string;
  /** What the older or newer format cannot hold. */
  lost: string[];
  /** Undefined when the file can stay as it is, or cannot be converted. */
  bytes: Uint8Array | undefined;
  /** Why it cannot be converted. */
  problem: string | undefined;
}

/** What a kubelet of `minor` needs the file to be; `facts` for those that name containers by id. Nothing is written. */
export function planConversion(
  { file, kind, seen, report, content }: Examined,
  minor: number,
  gates: ReadonlySet<string>,
  facts: MigrationFacts = {},
): Conversion {
  const plan = {
    path: file.path,
    target: file.path,
    from: report.version ?? '-',
    to: '-',
    lost: [] as string[],
  };
  const done = (problem?: string, bytes?: Uint8Array): Conversion => ({ ...plan, bytes, problem });
  if (!kind || !content) return done(report.findings[0]?.message ?? 'not a file with versions');
  if (seen?.value === undefined || !seen.valid)
    return done('not valid: repair it first (stasis state repair)');
  const wanted = kindFor(kind, minor);
  plan.target = join(dirname(file.path), fileNameFor(basename(file.path), kind, wanted));
  const to = writtenBy(wanted, minor, gates);
  if (to === undefined || !within(minor, wanted.minors))
    return done(`Kubernetes 1.${minor} has no such file`);
  plan.to = to;
  const moved = plan.target !== file.path;
  const accepted = judge(kind, inspectState(kind, content.bytes), minor, { path: file.path, gates }).accepted;
  // A format that the target takes but would lose from is converted too, so that the loss is said.
  if (!moved && to === seen.version && accepted) return done();
  try {
    const migrated = kind.definition.migrate(seen.value, seen.version, to, facts);
    plan.lost.push(...migrated.lost);
    return done(undefined, encodeAs(kind.definition.version(to), migrated.value));
  } catch (error) {
    if (!isCoded(error)) throw error;
    return done(error.hint ? `${error.message} (${error.hint})` : error.message);
  }
}

/**
 * The plan for a file that is to be written. One whose new name is taken is left alone: a kubelet of that version may
 * have written what is there since.
 */
export function unlessTaken(plan: Conversion): Conversion {
  if (!plan.bytes || plan.target === plan.path || !existsSync(plan.target)) return plan;
  const problem = `${basename(plan.target)} is there already: move away the one that is out of date`;
  return { ...plan, bytes: undefined, problem };
}

/** In 1.33 the pods' allocation moved to another file. */
function kindFor(kind: StateKind, minor: number): StateKind {
  if (kind === podStatusKind && minor > 32) return podAllocationKind;
  if (kind === podAllocationKind && minor < 33) return podStatusKind;
  return kind;
}

function fileNameFor(name: string, from: StateKind, to: StateKind): string {
  if (from === to) return name;
  return to === podAllocationKind ? 'allocated_pods_state' : 'pod_status_manager_state';
}
