import { createHash } from 'node:crypto';
import type { Hasher } from '../checkpoint/manifest.ts';

/** A new SHA-256 of bytes that arrive in pieces. */
export function sha256(): Hasher {
  const hash = createHash('sha256');
  return {
    update(bytes) {
      hash.update(bytes);
    },
    digest: () => hash.digest('hex'),
  };
}

/** The SHA-256 of `bytes` in hexadecimal digits. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
