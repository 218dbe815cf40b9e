import type { StateContent, StateFileReport, StateFileSummary } from '../api/stasis.ts';
import { contentData } from '../cli/state/content.ts';
import { type Examined, examine } from '../cli/state/examine.ts';
import { CodedError } from '../errors/coded-error.ts';

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
export async function stateContent(rootDirectory: string, name: string): Promise<StateContent> {
  const found = (await examined(rootDirectory)).find(({ file }) => file.name === name);
  if (!found) throw new CodedError('not-found', `there is no state file ${JSON.stringify(name)}`);
  const { report, file } = found;
  if (!found.content || found.unreadable) {
    throw new CodedError('corrupt', report.findings[0]?.message ?? `${file.path} cannot be read`);
  }
  return {
    ...{ apiVersion: 'stasis/v1', kind: 'StateContent', path: file.path, kindOfFile: report.kind },
    ...{ version: report.version, valid: report.valid, content: contentData(found) },
  };
}
