import type { ResetRequest, StateChange, StateChanges } from '../api/state-shapes.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { writeFileAtomic } from '../localfs/atomic-file.ts';
import { replaceSettingAside, type SetAsideReason } from '../localfs/set-aside.ts';
import { examineNamed, knownContainers, needsContainerIds } from '../nodestate/container-ids.ts';
import { examine } from '../nodestate/examine.ts';
import { examineOptions } from '../nodestate/examine-options.ts';
import type { Examined } from '../nodestate/examined.ts';
import { kubeletInTheWay } from '../nodestate/kubelet-in-the-way.ts';
import { parseMinor } from '../nodestate/kubernetes-minor.ts';
import { planConversion, unlessTaken } from '../nodestate/plan-conversion.ts';
import { lastGood, planRepair, repairs } from '../nodestate/plan-repair.ts';
import { recordBoot, resetReason } from '../nodestate/reset-reason.ts';
import type { StateTask } from '../pods/look-tasks.ts';
import { nodeAnswers } from '../runtime/cri/node-answers.ts';

/** Asks whether what follows may still be done; from then on it is, whether its client waits or not. */
export type Begin = () => Promise<void>;

/** What is to be done to a file. */
interface Planned {
  change: StateChange;
  /** Undefined where nothing is written. */
  write?: () => Promise<string>;
}

/** The plan for all files, and with `apply` its work. What cannot be written is said of its file. */
export async function changeState(task: StateTask, begin: Begin): Promise<StateChanges> {
  const { place, request } = task;
  const { apply = false, force = false } = request;
  if (apply && !force) await refuseUnderKubelet(place.rootDirectory);
  const { planned, note, after } = await planOf(task);
  if (apply) {
    await begin();
    for (const { change, write } of planned) {
      if (!write) continue;
      await write().then(
        (aside) => {
          change.setAside = aside;
        },
        (error: unknown) => change.left.push(`it was not written: ${messageOf(error)}`),
      );
    }
    await after?.();
  }
  const items = planned
    .map(({ change }) => change)
    .filter(({ steps, left }) => steps.length + left.length > 0);
  const applied = items.some(({ setAside }) => setAside !== undefined);
  return { apiVersion: 'stasis/v1', kind: 'StateChanges', applied, ...(note ? { note } : {}), items };
}

interface Plans {
  planned: Planned[];
  note?: string | undefined;
  /** What is to be remembered when all of it is done. */
  after?: () => Promise<void>;
}

function planOf(task: StateTask): Promise<Plans> {
  if (task.kind === 'repairState') return repairPlans(task);
  return task.kind === 'convertState' ? conversionPlans(task) : resetPlans(task);
}

async function repairPlans({ place, request }: StateTask & { kind: 'repairState' }): Promise<Plans> {
  const options = await examineOptions(place, true, nodeAnswers);
  const query = { ...place, containers: request.containers };
  const named = await examineNamed([place.rootDirectory], options, query, nodeAnswers);
  const files = chosen(named, request.files);
  const planned: Planned[] = [];
  for (const file of files) {
    if (file.unreadable && !file.kind) {
      planned.push({
        change: { ...changeOf(file), left: [file.report.findings[0]?.message ?? 'unreadable'] },
      });
      continue;
    }
    const { path, steps, left, bytes, reason, changes } = await planRepair(
      file,
      options,
      request.only ?? repairs,
    );
    const told = changes.map(({ path: member, before, after }) => ({
      path: member,
      before: before ?? null,
      after: after ?? null,
    }));
    planned.push({
      change: { ...changeOf(file), steps, left, changes: told },
      ...(bytes ? { write: () => replace(path, bytes, reason) } : {}),
    });
  }
  return { planned };
}

async function conversionPlans({ place, request }: StateTask & { kind: 'convertState' }): Promise<Plans> {
  const minor = parseMinor(request.to);
  const options = await examineOptions(place, false, nodeAnswers);
  const files = chosen(await examine(place.rootDirectory, options), request.files);
  const known = needsContainerIds(files, minor)
    ? await knownContainers({ ...place, containers: request.containers }, nodeAnswers)
    : { facts: {}, missing: undefined };
  const planned = files
    .filter(({ report }) => report.kind !== 'plain-json')
    .map((file): Planned => {
      const { path, target, from, to, lost, bytes, problem } = unlessTaken(
        planConversion(file, minor, options.gates, known.facts),
      );
      const becomes = target === path ? '' : `, as ${target}`;
      const steps = bytes ? [`${from} -> ${to}${becomes}`] : [];
      const change = { ...changeOf(file), steps, lost, left: problem === undefined ? [] : [problem] };
      if (!bytes) return { change };
      if (target === path) return { change, write: () => replace(path, bytes, 'converted') };
      const move = async (): Promise<string> => {
        await writeFileAtomic(target, bytes);
        return replace(path, undefined, 'converted');
      };
      return { change, write: move };
    });
  return { planned, note: known.missing };
}

async function resetPlans({ place, request }: StateTask & { kind: 'resetState' }): Promise<Plans> {
  const options = await examineOptions(place, true, nodeAnswers);
  const files = chosen(await examine(place.rootDirectory, options), request.files);
  const planned: Planned[] = [];
  for (const file of files) {
    const reason = await resetReason(file, options.facts, {
      afterReboot: request.afterReboot === true,
      hasGeneration: async () => (await lastGood(file, options)) !== undefined,
    });
    const unread = file.unreadable && !file.kind && file.report.kind !== 'plain-json';
    const left = unread ? [file.report.findings[0]?.message ?? 'unreadable'] : [];
    const change = { ...changeOf(file), left, steps: reason === undefined ? [] : [`set aside: ${reason}`] };
    const write = () => replace(file.file.path, undefined, 'reset');
    planned.push(reason === undefined ? { change } : { change, write });
  }
  return { planned, ...rememberBoot(files, options.facts, request) };
}

function rememberBoot(
  files: readonly Examined[],
  facts: Parameters<typeof recordBoot>[1],
  { afterReboot }: ResetRequest,
): Pick<Plans, 'after'> {
  return afterReboot ? { after: () => recordBoot(files, facts) } : {};
}

function changeOf({ file }: Examined): StateChange {
  return { name: file.name, path: file.path, steps: [], changes: [], lost: [], left: [] };
}

function replace(path: string, bytes: Uint8Array | undefined, reason: SetAsideReason): Promise<string> {
  return replaceSettingAside(path, bytes, reason, new Date());
}

/** Those of these names, or all. @throws CodedError `not-found` */
function chosen(files: readonly Examined[], names: readonly string[] | undefined): readonly Examined[] {
  const unknown = names?.find((name) => !files.some(({ file }) => file.name === name));
  if (unknown !== undefined) {
    throw new CodedError('not-found', `there is no state file ${JSON.stringify(unknown)}`);
  }
  return names === undefined ? files : files.filter(({ file }) => names.includes(file.name));
}

async function refuseUnderKubelet(root: string): Promise<void> {
  const why = await kubeletInTheWay(root);
  if (why === undefined) return;
  throw new CodedError('failed-precondition', why, {
    hint: 'stop it first (systemctl stop kubelet), or insist with force',
  });
}
