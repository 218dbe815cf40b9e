import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { type ClientFile, clientFileName } from '../api/client-file.ts';
import type { Attributes, User } from '../auth/attributes.ts';
import { type Authenticator, bearerToken } from '../auth/authenticator.ts';
import type { Authorizer } from '../auth/policy.ts';
import { privateDirectory, writeFileAtomic } from '../localfs/atomic-file.ts';
import { makeDirectories } from '../localfs/make-directories.ts';

const group = 'stasis:local-root';

/** Lets whoever may read `<root>/stasis/client.json`, which is root of this node alone, do everything. */
export interface LocalAccess {
  authenticate: Authenticator;
  /** `others`, and besides them the bearer of the local token. */
  authorize(others: Authorizer): Authorizer;
  /** Tells the command line on this node where we are and how to get in. */
  publish(rootDirectory: string, file: Omit<ClientFile, 'token'>): Promise<string>;
}

/** A new token for each start; it is nowhere but in memory and in that file. */
export function localAccess(): LocalAccess {
  const token = randomBytes(32).toString('base64url');
  // Nobody else can have this uid, whatever name and groups a certificate or a token file gives.
  const uid = randomBytes(16).toString('hex');
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const wanted = digest(token);
  return {
    async authenticate({ authorization }): Promise<User | undefined> {
      const shown = bearerToken(authorization);
      if (shown === undefined || !timingSafeEqual(digest(shown), wanted)) return undefined;
      return { name: 'root@node', uid, groups: [group] };
    },
    authorize: (others) => async (user: User, attributes: Attributes, signal: AbortSignal) =>
      user.uid === uid || others(user, attributes, signal),
    async publish(rootDirectory, file) {
      const folder = join(rootDirectory, 'stasis');
      await makeDirectories(folder, privateDirectory);
      const path = join(folder, clientFileName);
      const content: ClientFile = { ...file, token };
      await writeFileAtomic(path, new TextEncoder().encode(`${JSON.stringify(content, null, 2)}\n`));
      return path;
    },
  };
}
