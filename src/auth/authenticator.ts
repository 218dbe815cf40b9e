import type { TLSSocket } from 'node:tls';
import type { User } from './attributes.ts';

/** What an authenticator may look at. */
export interface Credentials {
  /** Value of the Authorization header, where there is one. */
  authorization: string | undefined;
  /** The connection, for the client's certificate; undefined where it is not TLS. */
  socket: TLSSocket | undefined;
}

/** Says who it is; undefined where these credentials are not of its kind or not good. */
export type Authenticator = (credentials: Credentials, signal: AbortSignal) => Promise<User | undefined>;

/** The group of everyone who has been authenticated, as Kubernetes adds it. */
export const authenticatedGroup = 'system:authenticated';

/** The one whom nobody vouches for. */
export const anonymousUser: User = { name: 'system:anonymous', uid: '', groups: ['system:unauthenticated'] };

/**
 * The first of `authenticators` that knows the credentials decides. Anonymous requests are let in only if
 * asked for, and never in place of credentials that were shown and found wrong.
 */
export function firstOf(
  authenticators: readonly Authenticator[],
  options: { anonymous?: boolean } = {},
): Authenticator {
  return async (credentials, signal) => {
    for (const authenticate of authenticators) {
      const user = await authenticate(credentials, signal);
      if (user) return { ...user, groups: withAuthenticated(user.groups) };
    }
    if (options.anonymous && credentials.authorization === undefined) return anonymousUser;
    return undefined;
  };
}

/** The token in `Bearer TOKEN`, or undefined. */
export function bearerToken(authorization: string | undefined): string | undefined {
  const match = /^ *bearer +([^ ]+) *$/i.exec(authorization ?? '');
  return match?.[1];
}

function withAuthenticated(groups: readonly string[]): readonly string[] {
  return groups.includes(authenticatedGroup) ? groups : [...groups, authenticatedGroup];
}
