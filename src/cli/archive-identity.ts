import { defaultLimits } from '../archive/limits.ts';
import { type Identity, readIdentity } from '../checkpoint/identity.ts';
import { identityNow } from '../localfs/identity-now.ts';
import type { Console } from './console.ts';
import { openCheckpoint } from './open.ts';

/** Who the container in the archive at `path` was: the quick way, or the one that says what is wrong. */
export async function archiveIdentity(path: string, console: Console): Promise<Identity> {
  const identity = identityNow(path, console.limits ?? defaultLimits);
  if (identity) return identity;
  const checkpoint = await openCheckpoint(path, { limits: console.limits });
  try {
    return await readIdentity(checkpoint);
  } finally {
    await checkpoint.close();
  }
}
