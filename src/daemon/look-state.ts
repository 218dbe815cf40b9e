import type { StateContent, StateFileReport, StateFileSummary } from '../api/stasis.ts';
import type { StateDifference, StateForecast } from '../api/state-shapes.ts';
import { CodedError } from '../errors/coded-error.ts';
import { examineNamed } from '../nodestate/container-ids.ts';
import { contentData, differences } from '../nodestate/content.ts';
import { examine } from '../nodestate/examine.ts';
import { examineOptions } from '../nodestate/examine-options.ts';
import type { Examined } from '../nodestate/examined.ts';
import { foresee } from '../nodestate/foresee.ts';
import { parseMinor } from '../nodestate/kubernetes-minor.ts';
import { lastGood } from '../nodestate/plan-repair.ts';
import { nodeAnswers } from '../runtime/cri/node-answers.ts';
import type { LookTask } from './look-task.ts';

async function examined(rootDirectory: string): Promise<Examined[]> {
  return examine(rootDirectory, { facts: {}, gates: new Set(), onNode: true });
}

/** The state files below a kubelet's root directory. */
export async function stateFiles(rootDirectory: string): Promise<StateFileSummary[]> {
  return (await examined(rootDirectory)).map(({ file, kind, content, report }) => ({
    name: file.name,
    path: file.path,
    kind: report.kind,
    version: report.version,
    title: kind?.title ?? '',
    size: content?.bytes.length ?? null,
    modified: content ? new Date(content.modified).toISOString() : null,
    valid: report.valid,
    acceptedBy: report.acceptedBy,
  }));
}

/** Checksums are numbers of 64 bits: as text, so that no reader rounds them. */
export async function verifyState(rootDirectory: string): Promise<StateFileReport[]> {
  return (await examined(rootDirectory)).map(({ report }) => ({
    ...report,
    stored: report.stored === null ? null : String(report.stored),
    computed: report.computed === null ? null : String(report.computed),
    findings: report.findings.map(({ severity, code, message, hint }) => ({
      ...{ severity, code, message },
      ...(hint ? { hint } : {}),
    })),
  }));
}

/** @throws CodedError `not-found` unless the name is one of the list; `corrupt` where nothing can be read */
async function readable(rootDirectory: string, name: string): Promise<Examined> {
  const found = (await examined(rootDirectory)).find(({ file }) => file.name === name);
  if (!found) throw new CodedError('not-found', `there is no state file ${JSON.stringify(name)}`);
  const { report, file } = found;
  if (found.content && !found.unreadable) return found;
  throw new CodedError('corrupt', report.findings[0]?.message ?? `${file.path} cannot be read`);
}

/** What changed since the last good generation. @throws CodedError as for one file; `not-found` where there is none */
export async function stateDifferences(rootDirectory: string, name: string): Promise<StateDifference[]> {
  const found = await readable(rootDirectory, name);
  const good = await lastGood(found, { facts: {}, gates: new Set(), onNode: true });
  if (!good) {
    throw new CodedError('not-found', `${found.file.path} has no earlier generation to compare with`);
  }
  return differences(contentData(good.examined), contentData(found)).map(({ path, before, after }) => ({
    path,
    before: before ?? null,
    after: after ?? null,
  }));
}

export async function statePreflight({ place, from, to }: LookTask & { kind: 'statePreflight' }) {
  const minors = [parseMinor(from), parseMinor(to)] as const;
  const configured = await examineOptions(place, false, nodeAnswers);
  const options = { ...configured, onNode: true };
  const files = await examineNamed([place.rootDirectory], options, place, nodeAnswers);
  return files
    .filter(({ kind }) => kind)
    .map((each): StateForecast => foresee(each, ...minors, configured.gates));
}

export async function stateContent(rootDirectory: string, name: string): Promise<StateContent> {
  const found = await readable(rootDirectory, name);
  const { report, file } = found;
  return {
    ...{ apiVersion: 'stasis/v1', kind: 'StateContent', path: file.path, kindOfFile: report.kind },
    ...{ version: report.version, valid: report.valid, content: contentData(found) },
  };
}
