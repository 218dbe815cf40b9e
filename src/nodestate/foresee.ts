import { inspectState, judge, type StateKind, within } from '../kubeletstate/state-kind.ts';
import type { Examined } from './examined.ts';
import { planConversion } from './plan-conversion.ts';
import { cannotTell, migrationRefused } from './verdict.ts';

/** `unknown` where no kubelet's answer can be foretold. */
type Outcome = 'accepted' | 'refused' | 'not read' | 'unknown';

/** What happens to a file when the kubelet changes from one minor to another. */
export interface Foreseen {
  path: string;
  kind: string;
  version: string | null;
  now: Outcome;
  next: Outcome;
  /** The next kubelet starts with the file as it is. */
  starts: boolean;
  /** What the next kubelet prints about it. */
  message: string | null;
  /** What a conversion cannot keep. */
  lost: string[];
  /** `nothing`, `convert` or `reset`, with the command line. */
  action: string;
}

export function foresee(examined: Examined, from: number, to: number, gates: ReadonlySet<string>): Foreseen {
  const { file, kind, content, report, seen, containers } = examined;
  const all = kind && content ? inspectState(kind, content.bytes) : [];
  const at = (minor: number): { state: Foreseen['now']; starts: boolean; message: string | null } => {
    if (!kind || !within(minor, kind.minors)) return { state: 'not read', starts: true, message: null };
    if (cannotTell(all)) return { state: 'unknown', starts: true, message: null };
    const verdict = judge(kind, all, minor, { path: file.path, gates });
    const gone = containers && seen?.valid && migrationRefused(kind, seen, minor, containers);
    if (verdict.accepted && gone) return { state: 'refused', ...kind.failure(minor, gone, file.path) };
    return {
      state: verdict.accepted ? 'accepted' : 'refused',
      starts: verdict.starts,
      message: verdict.message ?? null,
    };
  };
  const now = at(from);
  const next = at(to);
  const plan = planConversion(examined, to, gates, containers);
  const needed = next.state === 'refused' || (next.state === 'not read' && moved(kind, from, to));
  let action = 'nothing';
  if (needed && !report.valid) action = 'stasis state repair, or reset on a drained node';
  else if (needed)
    action = plan.problem
      ? `reset, on a drained node (${plan.problem})`
      : `stasis state convert --to 1.${to} --write`;
  return {
    path: file.path,
    kind: report.kind,
    version: report.version,
    now: now.state,
    next: next.state,
    starts: next.starts,
    message: next.message,
    lost: needed ? plan.lost : [],
    action,
  };
}

/** The pods' allocation has another file name on the other side of 1.33: left alone, it would be forgotten. */
function moved(kind: StateKind | undefined, from: number, to: number): boolean {
  const allocation = kind?.kind === 'pod-status' || kind?.kind === 'pod-allocation';
  return allocation && from < 33 !== to < 33;
}
