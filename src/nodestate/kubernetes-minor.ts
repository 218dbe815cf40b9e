import { newestMinor } from '../kubeletstate/state-kind.ts';
import { MalformedValue } from './malformed-value.ts';

/** `1.31`, `v1.31.4` or `31` as 31. @throws MalformedValue for another form, and for a version not known here */
export function parseMinor(text: string): number {
  // A bare number is a minor; with a dot the 1 has to be there, or 9.9 would be 1.9.
  const [, full, bare] = /^v?1\.([0-9]{1,2})(?:\.[0-9]+)?$|^([0-9]{1,2})$/.exec(text) ?? [];
  const found = full ?? bare;
  const minor = Number(found);
  if (found === undefined || minor < 6)
    throw new MalformedValue(`"${text}" is not a Kubernetes version like 1.31`);
  if (minor > newestMinor) {
    throw new MalformedValue(
      `Kubernetes 1.${minor} is newer than what is known here: 1.${newestMinor} is the newest`,
    );
  }
  return minor;
}
