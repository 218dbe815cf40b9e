import type { CheckpointDefinition, Seen } from '../checkpointmanager/define.ts';
import type { CodedError } from '../errors/coded-error.ts';

/** Minor versions of Kubernetes 1, both ends included. */
export type Minors = readonly [from: number, to: number];

/** The newest minor whose behaviour is known here. */
export const newestMinor = 36;

/** The feature gate behind the pod-level entries of the CPU and memory managers in 1.36. */
export const podLevelGate = 'PodLevelResourceManagers';

/** One attempt of a kubelet to read a file. */
export interface Reader {
  /** Version of the definition that it decodes as. */
  version: string;
  /** What this reader computes, where it differs from the version's own rule. */
  computed?(file: unknown): bigint;
  /** Whether it takes a checksum of 0 unseen, where that differs from the version's own rule. */
  zeroAccepted?: boolean;
  /** Renames structs in messages: from the name in the definition to the one of this kubelet. */
  rename?: readonly [string, string];
}

/** What a kubelet does with a file. */
export interface Verdict {
  minor: number;
  accepted: boolean;
  /** The version it was read as. */
  version: string | undefined;
  /** Whether the kubelet starts. Some files are only skipped when they are bad. */
  starts: boolean;
  /** What it prints, when the file is not accepted. */
  message: string | undefined;
}

/** One of the files that a kubelet (or what stood beside it) keeps with the checkpoint manager. */
export interface StateKind {
  readonly kind: string;
  /** Who writes it, for people. */
  readonly title: string;
  readonly definition: CheckpointDefinition;
  /** In which minors the file exists. */
  readonly minors: Minors;
  /** Which minors write which version, newest version first; `gate` where they do so only with it. */
  readonly written: readonly { version: string; minors: Minors; gate?: string }[];
  /** How the kubelet of a minor tries to read it, in its order. */
  readers(minor: number, gates: ReadonlySet<string>): readonly Reader[];
  /** Of several failed attempts, whose error is reported. */
  reports(minor: number): 'first' | 'last';
  /** Whether the kubelet starts all the same, and what it prints about `cause`; `path` is the file's. */
  failure(minor: number, cause: string, path: string): { starts: boolean; message: string };
}

/** The file under every known version, newest first. */
export function inspectState(kind: StateKind, bytes: Uint8Array): Seen[] {
  return kind.definition.inspect(bytes);
}

/** What the kubelet of `minor` does with the file at `path`. */
export function judge(
  kind: StateKind,
  seen: readonly Seen[],
  minor: number,
  options: { path: string; gates?: ReadonlySet<string> },
): Verdict {
  const attempts = kind.readers(minor, options.gates ?? new Set()).map((reader) => attempt(reader, seen));
  const accepted = attempts.find((each) => each.error === undefined);
  if (accepted) {
    return { minor, accepted: true, version: accepted.version, starts: true, message: undefined };
  }
  const reported = kind.reports(minor) === 'first' ? attempts[0] : attempts.at(-1);
  const { starts, message } = kind.failure(minor, reported?.error ?? '', options.path);
  return { minor, accepted: false, version: undefined, starts, message };
}

function attempt(reader: Reader, seen: readonly Seen[]): { version: string; error: string | undefined } {
  const found = seen.find((each) => each.version === reader.version);
  if (!found) throw new Error(`no version ${reader.version}`);
  const { version } = reader;
  if (found.computed === undefined) return { version, error: renamed(reader, found.error) };
  const computed = reader.computed?.(found.file) ?? found.computed;
  const zero = reader.zeroAccepted ?? false;
  if (computed !== found.stored && !(zero && found.stored === 0n)) {
    return { version, error: 'checkpoint is corrupted' };
  }
  // The checksum fits; what is left is the text inside, if there is one.
  if (found.value === undefined) return { version, error: renamed(reader, found.error) };
  return { version, error: undefined };
}

function renamed(reader: Reader, error: CodedError | undefined): string {
  const message = error?.message ?? '';
  return reader.rename ? message.replaceAll(reader.rename[0], reader.rename[1]) : message;
}

/** All minors in which the file exists and is accepted. */
export function acceptedBy(
  kind: StateKind,
  seen: readonly Seen[],
  gates: ReadonlySet<string> = new Set(),
): number[] {
  const accepted: number[] = [];
  for (let minor = kind.minors[0]; minor <= Math.min(kind.minors[1], newestMinor); minor++) {
    if (judge(kind, seen, minor, { path: '', gates }).accepted) accepted.push(minor);
  }
  return accepted;
}

/** The version that the kubelet of `minor` writes. */
export function writtenBy(
  kind: StateKind,
  minor: number,
  gates: ReadonlySet<string> = new Set(),
): string | undefined {
  return kind.written.find(
    (each) => within(minor, each.minors) && (each.gate === undefined || gates.has(each.gate)),
  )?.version;
}

export function within(minor: number, [from, to]: Minors): boolean {
  return minor >= from && minor <= to;
}

/** `[20, 21, 22, 31]` as `1.20–1.22, 1.31`. */
export function formatMinors(minors: readonly number[]): string {
  const ranges: string[] = [];
  for (let i = 0; i < minors.length; ) {
    let end = i;
    while (minors[end + 1] === (minors[end] ?? 0) + 1) end++;
    ranges.push(end === i ? `1.${minors[i]}` : `1.${minors[i]}–1.${minors[end]}`);
    i = end + 1;
  }
  return ranges.join(', ') || 'none';
}

/** Text that takes a reader up by the release of Go its kubelet was built with: before 1.30 an older one. */
export const oldEscapes = { shortEscapes: false } as const;
