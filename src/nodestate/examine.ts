import type { Seen } from '../checkpointmanager/define.ts';
import { decodeJson } from '../checkpointmanager/go-json.ts';
import { any, map, string } from '../checkpointmanager/go-type.ts';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import type { Finding } from '../kubeletstate/finding.ts';
import { kindByPath, kindsByMembers } from '../kubeletstate/known-files.ts';
import { reviewContent, reviewTogether } from '../kubeletstate/review.ts';
import { acceptedBy, inspectState, newestMinor, type StateKind } from '../kubeletstate/state-kind.ts';
import {
  findStateFiles,
  readStateFile,
  type StateFile,
  type StateFileContent,
} from '../localfs/state-files.ts';
import type { Examined, ExamineOptions, StateReport } from './examined.ts';
import { checksumFindings, modeFindings } from './file-findings.ts';
import { kubeletSays, migrated, unknown } from './verdict.ts';
import { likeliest } from './written-form.ts';

/** Everything about the state files at `target`, each by itself and then together. */
export async function examine(target: string, options: ExamineOptions): Promise<Examined[]> {
  const files = await findStateFiles(target);
  const examined: Examined[] = [];
  for (const file of files) examined.push(await examineFile(file, options));
  const readable = examined.flatMap(({ file, kind, value }) =>
    kind && value !== undefined ? [{ path: file.path, kind: kind.kind, value }] : [],
  );
  for (const [path, findings] of reviewTogether(readable)) {
    examined.find((each) => each.file.path === path)?.report.findings.push(...findings);
  }
  return examined;
}

export async function examineFile(file: StateFile, options: ExamineOptions): Promise<Examined> {
  let content: StateFileContent;
  try {
    content = await readStateFile(file.path);
  } catch (error) {
    return unread(file, error);
  }
  return examineContent(file, content, options);
}

/** {@link examineFile} of a file that has been read. */
export function examineContent(
  file: StateFile,
  content: StateFileContent,
  options: ExamineOptions,
): Examined {
  const known = kindByPath(file.path);
  if (known && !known.kind) return plain(file, content);
  const candidates = known?.kind ? [known.kind] : byMembers(content.bytes);
  if (candidates.length === 0) {
    return unreadable(file, content, 'it is no state file that is known here', undefined);
  }
  const tried = candidates.map((kind) => ({ kind, all: inspectState(kind, content.bytes) }));
  const { kind, all } = tried.find((each) => each.all.some((seen) => seen.valid)) ?? tried[0] ?? raise();
  return describe(file, content, kind, all, options);
}

function describe(
  file: StateFile,
  content: StateFileContent,
  kind: StateKind,
  all: readonly Seen[],
  options: ExamineOptions,
): Examined {
  const seen = likeliest(kind, all, content.bytes) ?? raise();
  const gates = new Set(options.gates);
  const gated = kind.written.find((each) => each.version === seen.version)?.gate;
  // Whoever wrote it had the gate on; without other knowledge that is what the next kubelet has, too.
  if (gated && seen.valid && options.facts.config === undefined) gates.add(gated);
  const minors = acceptedBy(kind, all, gates);
  const minor = options.minor ?? minors.at(-1) ?? Math.min(kind.minors[1], newestMinor);
  const findings: Finding[] = [...checksumFindings(kind, seen, content.bytes, gates)];
  if (options.onNode) findings.push(...modeFindings(content));
  let value: unknown;
  if (seen.valid) {
    value = migrated(kind, seen, minor, options.containers, findings);
    if (value !== undefined)
      findings.push(...reviewContent({ path: file.path, kind: kind.kind, value }, options.facts));
  }
  const report: StateReport = {
    path: file.path,
    kind: kind.kind,
    version: seen.file === undefined ? null : seen.version,
    stored: seen.stored ?? null,
    computed: seen.computed ?? null,
    valid: seen.valid,
    acceptedBy: minors.map((each) => `1.${each}`),
    kubelet: kubeletSays(kind, all, minor, { gates, path: file.path }, findings),
    findings,
  };
  const containers = options.containers;
  return { file, content, kind, seen, value, containers, unreadable: seen.file === undefined, report };
}

function byMembers(bytes: Uint8Array): readonly StateKind[] {
  try {
    const members = decodeJson(map(string, any), bytes) ?? new Map();
    const types = [...members].map(([name, value]): [string, string] => [name, jsonType(value?.of)]);
    return kindsByMembers(new Map(types));
  } catch (error) {
    if (isCoded(error)) return [];
    throw error;
  }
}

function jsonType(value: unknown): string {
  if (value instanceof Map) return 'object';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** A file without a checksum: whether it is JSON is all that can be said. */
function plain(file: StateFile, content: StateFileContent): Examined {
  let message: string | undefined;
  try {
    decodeJson(any, content.bytes);
  } catch (error) {
    message = messageOf(error);
  }
  const report: StateReport = {
    path: file.path,
    kind: 'plain-json',
    version: null,
    stored: null,
    computed: null,
    valid: message === undefined,
    acceptedBy: [],
    kubelet: 'starts',
    findings: message === undefined ? [] : [{ severity: 'error', code: 'undecodable', message }],
  };
  return {
    file,
    content,
    kind: undefined,
    seen: undefined,
    value: undefined,
    unreadable: message !== undefined,
    report,
  };
}

/** A file that could not be read, and what that means for the kubelet, which is root and has no limit of size. */
function unread(file: StateFile, error: unknown): Examined {
  const kind = kindByPath(file.path)?.kind;
  const message = messageOf(error);
  const result = unreadable(file, undefined, message, kind?.kind);
  const { report } = result;
  const [finding] = report.findings;
  if (isCoded(error, 'not-found') && finding) {
    finding.severity = 'warning';
    finding.code = 'link-to-nothing';
    finding.hint = 'the kubelet takes it for a missing file, and writes a new one in place of the link';
  } else if (
    isCoded(error, 'resource-exhausted') ||
    isCoded(error, 'invalid-argument') ||
    (isCoded(error, 'permission-denied') && process.getuid?.() !== 0)
  ) {
    report.kubelet = kind ? unknown : 'starts';
    if (finding && isCoded(error, 'permission-denied')) finding.hint = 'the kubelet is root: ask as root';
  } else {
    const failure = kind?.failure(newestMinor, message, file.path);
    if (failure && !failure.starts) report.kubelet = failure.message;
    if (finding) finding.hint = 'on a drained node, move away what stands there';
  }
  return result;
}

function unreadable(
  file: StateFile,
  content: StateFileContent | undefined,
  message: string,
  kind = 'unknown',
): Examined {
  const report: StateReport = {
    path: file.path,
    kind,
    version: null,
    stored: null,
    computed: null,
    valid: false,
    acceptedBy: [],
    kubelet: 'starts',
    findings: [{ severity: 'error', code: 'unreadable', message }],
  };
  return { file, content, kind: undefined, seen: undefined, value: undefined, unreadable: true, report };
}

function raise(): never {
  throw new CodedError('internal', 'a kind of state file without versions');
}
