import type { Seen } from '../checkpointmanager/define.ts';
import type { Finding } from '../kubeletstate/finding.ts';
import type { StateKind } from '../kubeletstate/state-kind.ts';
import type { StateFileContent } from '../localfs/state-files.ts';
import { firstDifference } from './written-form.ts';

/** What is to be said of the file's checksum and form, besides what its content means. */
export function checksumFindings(
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

/** What is to be said of the mode and owner of a node's own file. */
export function modeFindings({ mode, uid }: StateFileContent): Finding[] {
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
