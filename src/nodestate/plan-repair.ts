import { basename, dirname } from 'node:path';
import { encodeAs } from '../checkpointmanager/define.ts';
import type { CpuManagerState } from '../kubeletstate/cpu-manager.ts';
import { dropPods } from '../kubeletstate/drop-pods.ts';
import { podsOf } from '../kubeletstate/review.ts';
import { shrinkCpus } from '../kubeletstate/shrink-cpus.ts';
import { type Generation, listGenerations } from '../localfs/generations.ts';
import type { SetAsideReason } from '../localfs/set-aside.ts';
import { readStateFile } from '../localfs/state-files.ts';
import { contentData, type Difference, differences } from './content.ts';
import { examineContent } from './examine.ts';
import type { Examined, ExamineOptions } from './examined.ts';

/** What can be repaired, by the name that `--only` takes. */
export const repairs = ['restore', 'checksum', 'gone-pods', 'cpus'] as const;
export type Repair = (typeof repairs)[number];

export interface Plan {
  path: string;
  /** What is done, in words; empty when there is nothing to do. */
  steps: string[];
  /** What stays wrong, and why. */
  left: string[];
  bytes: Uint8Array | undefined;
  reason: SetAsideReason;
  changes: Difference[];
}

/** What a repair of the file would do. Nothing is written. */
export async function planRepair(
  examined: Examined,
  options: ExamineOptions,
  only: readonly Repair[],
): Promise<Plan> {
  const plan: Plan = {
    path: examined.file.path,
    steps: [],
    left: [],
    bytes: undefined,
    reason: 'repaired',
    changes: [],
  };
  const { kind, seen } = examined;
  let from = examined;
  if (!examined.report.valid && kind) {
    plan.reason = 'corrupt';
    const restored = only.includes('restore') ? await lastGood(examined, options) : undefined;
    if (restored) {
      plan.steps.push(`restore generation ${restored.generation.number} (${restored.generation.path})`);
      from = restored.examined;
    } else if (seen?.value === undefined) {
      plan.left.push(
        `it cannot be decoded (${examined.report.findings[0]?.message}) and there is no earlier generation; on a ` +
          'drained node: stasis state reset',
      );
      return plan;
    } else if (!only.includes('checksum')) {
      plan.left.push('its checksum is wrong');
      return plan;
    } else if (seen.error?.code === 'unsupported') {
      plan.left.push(seen.error.message);
      return plan;
    } else {
      plan.steps.push('recompute the checksum: the content is taken as it is, right or wrong');
    }
  }
  if (!kind || from.seen?.value === undefined) return plan;
  const value = changeContent(kind.kind, from, options, only, plan);
  if (plan.steps.length === 0) return plan;
  plan.bytes = encodeAs(kind.definition.version(from.seen.version), value);
  const after = examineContent(
    examined.file,
    { ...(from.content ?? { mode: 0o600, uid: 0, modified: 0 }), bytes: plan.bytes },
    options,
  );
  // Of what cannot be decoded there is nothing to compare.
  plan.changes = seen?.file === undefined ? [] : differences(contentData(examined), contentData(after));
  for (const finding of after.report.findings) {
    if (finding.severity === 'error') plan.left.push(finding.message);
  }
  return plan;
}

function changeContent(
  kind: string,
  { seen, value: latest }: Examined,
  { facts }: ExamineOptions,
  only: readonly Repair[],
  plan: Plan,
): unknown {
  let value = seen?.value;
  if (only.includes('gone-pods') && facts.pods && latest !== undefined) {
    const gone = podsOf(kind, latest).filter((uid) => !facts.pods?.has(uid));
    const dropped = gone.length > 0 ? dropPods(kind, value, new Set(gone)) : undefined;
    if (dropped !== undefined) {
      plan.steps.push(`drop entries of pods that are gone: ${gone.join(', ')}`);
      value = dropped;
    }
  }
  if (kind === 'cpu-manager' && seen?.version !== 'v1' && only.includes('cpus') && facts.onlineCpus) {
    const { state, starved } = shrinkCpus(value as CpuManagerState, facts.onlineCpus, facts.config);
    for (const owner of starved) plan.left.push(`${owner} would have no CPU left; end its pod first`);
    if (state) {
      plan.steps.push('fit the CPU sets to the CPUs that are online');
      value = state;
    }
  }
  return value;
}

/** The newest earlier state of a file that is valid. */
export async function lastGood(
  examined: Examined,
  options: ExamineOptions,
): Promise<{ generation: Generation; examined: Examined } | undefined> {
  const { path } = examined.file;
  for (const generation of await listGenerations(dirname(path), basename(path))) {
    const content = await readStateFile(generation.path).catch(() => undefined);
    if (!content) continue;
    const earlier = examineContent(examined.file, content, options);
    if (earlier.report.valid) return { generation, examined: earlier };
  }
  return undefined;
}
