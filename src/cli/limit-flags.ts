import { type ArchiveLimit, type ArchiveLimits, limitTable, resolveLimits } from '../archive/limits.ts';
import type { FlagSpec } from './command.ts';

const limits = Object.entries(limitTable) as [ArchiveLimit, (typeof limitTable)[ArchiveLimit]][];

/**
 * The flags that raise the limits of archives, for every command that opens one. Messages that a limit was
 * reached name them; help texts would only be longer for them.
 */
export const limitFlags: Readonly<Record<string, FlagSpec>> = Object.fromEntries(
  limits.map(([, { flag, what, value }]): [string, FlagSpec] => [
    flag,
    { kind: 'int64', default: value, usage: `Accept at most this many ${what}`, hidden: true },
  ]),
);

/** The limits as the command line raises them; undefined where it does not. @throws CodedError */
export function limitsOf(
  values: Readonly<Record<string, unknown>>,
  given: ReadonlySet<string>,
): ArchiveLimits | undefined {
  const raised = limits.filter(([, { flag }]) => given.has(flag));
  if (raised.length === 0) return undefined;
  return resolveLimits(Object.fromEntries(raised.map(([name, { flag }]) => [name, Number(values[flag])])));
}
