import { createHash } from 'node:crypto';
import { CodedError } from '../errors/coded-error.ts';
import type { User } from './attributes.ts';
import { type Authenticator, bearerToken } from './authenticator.ts';

/** Bytes of a token file that we are willing to read. */
export const tokenFileLimit = 1 << 20;

/**
 * The users of a static token file in the API server's format: CSV lines `token,user,uid[,"group,group"]`.
 * Tokens are kept as digests, so that looking one up takes the same time whatever it shares with a real one.
 * @param file name of the file, for messages
 * @throws CodedError `invalid-argument` naming the line, never its token.
 */
export function parseTokenFile(text: string, file: string): ReadonlyMap<string, User> {
  const users = new Map<string, User>();
  text.split('\n').forEach((raw, index) => {
    const line = raw.replace(/\r$/, '');
    if (line.trim() === '' || line.startsWith('#')) return;
    const [token, name, uid, groups = ''] = fieldsOf(line) ?? [];
    if (!token || !name || uid === undefined) {
      throw new CodedError(
        'invalid-argument',
        `reading ${file}: line ${index + 1} is not token,user,uid[,"group,group"]`,
      );
    }
    const digest = digestOf(token);
    if (users.has(digest)) {
      throw new CodedError(
        'invalid-argument',
        `reading ${file}: the token of line ${index + 1} is there twice`,
      );
    }
    users.set(digest, { name, uid, groups: groups.split(',').flatMap((group) => group.trim() || []) });
  });
  return users;
}

/** Knows the bearers of the tokens that `users` holds at the time of the request. */
export function staticTokens(users: () => ReadonlyMap<string, User>): Authenticator {
  return async ({ authorization }) => {
    const token = bearerToken(authorization);
    return token === undefined ? undefined : users().get(digestOf(token));
  };
}

/** The fields of one CSV line; undefined where its quotes do not match. */
function fieldsOf(line: string): string[] | undefined {
  const fields: string[] = [];
  const field = /\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(,|$)/y;
  for (;;) {
    const match = field.exec(line);
    if (!match) return undefined;
    fields.push(match[1] === undefined ? (match[2] ?? '').trim() : match[1].replaceAll('""', '"'));
    if (match[3] === '') return fields;
  }
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
