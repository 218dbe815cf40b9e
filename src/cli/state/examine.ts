import { encodeAs, type MigrationFacts, type Seen } from '../../checkpointmanager/define.ts';
import { decodeJson } from '../../checkpointmanager/go-json.ts';
import { any, map, string } from '../../checkpointmanager/go-type.ts';
import { CodedError, isCoded, messageOf } from '../../errors/coded-error.ts';
import type { Finding } from '../../kubeletstate/finding.ts';
import { kindByPath, kindsByMembers } from '../../kubeletstate/known-files.ts';
import type { NodeFacts } from '../../kubeletstate/node-facts.ts';
import { reviewContent, reviewTogether } from '../../kubeletstate/review.ts';
import { acceptedBy, inspectState, newestMinor, type StateKind } from '../../kubeletstate/state-kind.ts';
import {
  findStateFiles,
  readStateFile,
  type StateFile,
  type StateFileContent,
} from '../../localfs/state-files.ts';
import { kubeletSays, migrated, unknown } from './verdict.ts';

/** What `verify` says of a file. The JSON output has these members in this order. */
export interface StateReport {
  path: string;
  kind: string;
  version: string | null;
  stored: bigint | null;
  computed: bigint | null;
  valid: boolean;
  /** `1.31` and so on. */
  acceptedBy: string[];
  /** `starts`, `unknown`, or the error that the kubelet prints. */
  kubelet: string;
  findings: Finding[];
}

/** A file with everything that is known about it. */
export interface Examined {
  file: StateFile;
  content: StateFileContent | undefined;
  kind: StateKind | undefined;
  /** The version it is, with its value; the nearest one when it is none. */
  seen: Seen | undefined;
  /** Its content in the latest version, when it is valid. */
  value: unknown;
  /** {@link ExamineOptions.containers} */
  containers?: MigrationFacts | undefined;
  unreadable: boolean;
  report: StateReport;
}

export interface ExamineOptions {
  facts: NodeFacts;
  /** The Kubernetes minor whose kubelet is asked about; the newest that accepts a file when left out. */
  minor?: number;
  gates: ReadonlySet<string>;
  /** The node's own files: also mode and owner are looked at. */
  onNode: boolean;
  /** Who containers are that a file names by id; undefined where nobody was asked. */
  containers?: MigrationFacts;
}

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
  const seen = likeliest(kind, all, content.bytes);
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

/** The version that the file is: of the valid ones the newest that would be written as it stands. */
function likeliest(kind: StateKind, all: readonly Seen[], bytes: Uint8Array): Seen {
  const valid = all.filter((seen) => seen.valid);
  const same = valid.find((seen) => firstDifference(kind, seen, bytes) === undefined);
  const decoded = all.filter((seen) => seen.value !== undefined);
  // Of a damaged file: what its content looks like, and rather what every kubelet reads than what needs a gate.
  const looks = decoded.filter((seen) => firstDifference(kind, seen, bytes, true) === undefined);
  const gated = (seen: Seen): boolean =>
    kind.written.some((each) => each.version === seen.version && each.gate);
  const alike = looks.find((seen) => !gated(seen)) ?? looks[0];
  return (
    same ??
    valid[0] ??
    alike ??
    decoded[0] ??
    all.find((seen) => seen.file !== undefined) ??
    all[0] ??
    raise()
  );
}

/** Offset of the first byte in which the file differs from how the kubelet writes the same content. */
function firstDifference(
  kind: StateKind,
  seen: Seen,
  bytes: Uint8Array,
  withoutChecksum = false,
): number | undefined {
  const version = kind.definition.version(seen.version);
  let written: Uint8Array;
  try {
    written = encodeAs(version, seen.value);
  } catch (error) {
    if (isCoded(error, 'unsupported')) return undefined;
    throw error;
  }
  const end = withoutChecksum ? written.lastIndexOf(0x2c) : Math.max(written.length, bytes.length);
  for (let at = 0; at < end; at++) if (written[at] !== bytes[at]) return at;
  return undefined;
}

function checksumFindings(
  kind: StateKind,
  seen: Seen,
  bytes: Uint8Array,
  gates: ReadonlySet<string>,
): Finding[] {
  if (seen.error) {
    const unsupported = seen.error.code === 'unsupported';
    return [
      {
        severity: unsupported ? 'warning' : 'error',
        code: seen.file === undefined ? 'undecodable' : unsupported ? 'not-verifiable' : 'checksum',
        message:
          seen.computed === undefined || seen.computed === seen.stored
            ? seen.error.message
            : `the file says ${seen.stored}, its content gives ${seen.computed}`,
        ...(unsupported
          ? {}
          : {
              hint:
                seen.value === undefined
                  ? 'stasis state repair goes back to the last good generation; without one, on a drained node: ' +
                    'stasis state reset'
                  : 'stasis state diff shows what changed since the last good generation; stasis state repair',
            }),
      },
    ];
  }
  const findings: Finding[] = [];
  const at = firstDifference(kind, seen, bytes);
  if (at !== undefined) {
    findings.push({
      severity: 'warning',
      code: 'not-as-written',
      message: `the checksum fits, but no kubelet writes it like this: byte ${at} differs`,
    });
  }
  const gate = kind.written.find((each) => each.version === seen.version)?.gate;
  if (gate) {
    const off = gates.has(gate) ? '' : ', which is off in the kubelet’s configuration';
    findings.push({
      severity: 'info',
      code: 'gate',
      message: `only read with the feature gate ${gate}${off}`,
    });
  }
  if (seen.stored === 0n && seen.computed !== 0n) {
    findings.push({
      severity: 'info',
      code: 'no-checksum',
      message: 'it has no checksum; the kubelet takes it unseen',
    });
  }
  return findings;
}

function modeFindings({ mode, uid }: StateFileContent): Finding[] {
  const findings: Finding[] = [];
  if (mode !== 0o600) {
    findings.push({
      severity: 'warning',
      code: 'mode',
      message: `its mode is 0${mode.toString(8)}; the kubelet writes 0600`,
      hint: 'chmod 600',
    });
  }
  if (uid !== 0) {
    findings.push({
      severity: 'warning',
      code: 'owner',
      message: `it belongs to user ${uid}: a kubelet that is not that user fails with permission denied`,
      hint: 'chown root:root',
    });
  }
  return findings;
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

/** Gates as they are written on command lines: `A=true,B=false`. */
export function parseGates(text: string): Set<string> {
  const on = text.split(',').filter((each) => /^[A-Za-z]+=true$/.test(each));
  return new Set(on.map((each) => each.slice(0, each.indexOf('='))));
}
