import { encodeAs, type Seen } from '../checkpointmanager/define.ts';
import { isCoded } from '../errors/coded-error.ts';
import type { StateKind } from '../kubeletstate/state-kind.ts';

/** The version that the file is: of the valid ones the newest that would be written as it stands. */
export function likeliest(kind: StateKind, all: readonly Seen[], bytes: Uint8Array): Seen | undefined {
  const valid = all.filter((seen) => seen.valid);
  const same = valid.find((seen) => firstDifference(kind, seen, bytes) === undefined);
  const decoded = all.filter((seen) => seen.value !== undefined);
  // Of a damaged file: what its content looks like, and rather what every kubelet reads than what needs a gate.
  const looks = decoded.filter((seen) => firstDifference(kind, seen, bytes, true) === undefined);
  const gated = (seen: Seen): boolean =>
    kind.written.some((each) => each.version === seen.version && each.gate);
  const alike = looks.find((seen) => !gated(seen)) ?? looks[0];
  return same ?? valid[0] ?? alike ?? decoded[0] ?? all.find((seen) => seen.file !== undefined) ?? all[0];
}

/** Offset of the first byte in which the file differs from how the kubelet writes the same content. */
export function firstDifference(
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
