import type { MigrationFacts, Seen } from '../checkpointmanager/define.ts';
import { isCoded, messageOf } from '../errors/coded-error.ts';
import type { Finding } from '../kubeletstate/finding.ts';
import { formatMinors, judge, type StateKind, within } from '../kubeletstate/state-kind.ts';

/** What is said of a kubelet where nobody can know: the file's checksum covers more than the file. */
export const unknown = 'unknown';

/** Whether no type that is known here can tell a good file of this kind from a bad one. */
export function cannotTell(all: readonly Seen[]): boolean {
  return all.length > 0 && all.every((seen) => seen.error?.code === 'unsupported');
}

/** `starts`, `unknown`, or the error that the kubelet of `minor` prints. Adds what it says besides to `findings`. */
export function kubeletSays(
  kind: StateKind,
  all: readonly Seen[],
  minor: number,
  options: { gates: ReadonlySet<string>; path: string },
  findings: Finding[],
): string {
  if (!within(minor, kind.minors)) {
    const [from, to] = kind.minors;
    const minors = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    findings.push({
      severity: 'info',
      code: 'not-read',
      message: `Kubernetes 1.${minor} does not read this file; ${formatMinors(minors)} do`,
    });
    return 'starts';
  }
  if (cannotTell(all)) return unknown;
  const verdict = judge(kind, all, minor, options);
  if (!verdict.accepted) {
    if (!verdict.starts) return verdict.message ?? '';
    const message = `Kubernetes 1.${minor} prints: ${verdict.message}`;
    findings.push({ severity: 'info', code: 'skipped', message });
    return 'starts';
  }
  const stopping = findings.find((each) => each.unrestorable !== undefined || each.fatal !== undefined);
  if (!stopping) return 'starts';
  return stopping.fatal ?? kind.failure(minor, stopping.unrestorable ?? '', options.path).message;
}

/** The content in the latest version; undefined, with a finding, where that takes what is not known. */
export function migrated(
  kind: StateKind,
  seen: Seen,
  minor: number,
  facts: MigrationFacts | undefined,
  findings: Finding[],
): unknown {
  try {
    return kind.definition.migrate(seen.value, seen.version, kind.definition.latest.version, facts).value;
  } catch (error) {
    if (!isCoded(error)) throw error;
    const refused = facts === undefined ? undefined : migrationRefused(kind, seen, minor, facts);
    const hint = refused
      ? 'the container runtime does not have it any more: drain the node and run stasis state reset, or name the ' +
        'container with --container'
      : error.hint;
    findings.push({
      severity: refused ? 'error' : 'info',
      code: refused ? 'container-unknown' : 'not-migratable',
      message: error.message,
      ...(refused ? { unrestorable: refused } : {}),
      ...(hint ? { hint } : {}),
    });
    return undefined;
  }
}

/**
 * Why the kubelet of `minor` would not take over a CPU manager's file that names containers by id, with its words:
 * it asks its runtime who they are, as `facts` do. Undefined where it would, or reads such files as they are.
 */
export function migrationRefused(
  kind: StateKind,
  seen: Seen,
  minor: number,
  facts: MigrationFacts,
): string | undefined {
  if (kind.kind !== 'cpu-manager' || seen.version !== 'v1' || minor < 18) return undefined;
  try {
    kind.definition.migrate(seen.value, 'v1', 'v2', facts);
    return undefined;
  } catch (error) {
    const what =
      minor < 36
        ? 'error migrating v1 checkpoint state to v2 checkpoint state'
        : 'failed to migrate checkpoint from v1 to v2';
    return `${what}: ${messageOf(error)}`;
  }
}
