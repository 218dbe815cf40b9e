import { createHmac, randomBytes } from 'node:crypto';
import type { Send } from '../api/client.ts';
import type { User } from './attributes.ts';
import { type Authenticator, bearerToken } from './authenticator.ts';
import { DecisionCache } from './decision-cache.ts';
import { isRecord, type ReviewPatience, review } from './review.ts';

const path = '/apis/authentication.k8s.io/v1/tokenreviews';
/** Tokens whose answer is kept, good and bad together. */
const mostTokens = 4096;

export interface TokenReviewOptions {
  /** Seconds that an answer is kept, whether the token is good or not. */
  cacheSeconds: number;
  patience?: ReviewPatience;
}

/**
 * Knows whom the API server knows by the token. No audience is asked for, as the kubelet asks for none: a token
 * for another audience than the API server's own is not good. Of a token only a keyed digest is kept.
 */
export function tokenReviews(send: Send, options: TokenReviewOptions): Authenticator {
  const secret = randomBytes(32);
  const cache = new DecisionCache<User | undefined>(() => options.cacheSeconds * 1000, mostTokens);
  return async ({ authorization }) => {
    const token = bearerToken(authorization);
    if (token === undefined) return undefined;
    const key = createHmac('sha256', secret).update(token).digest('base64');
    return cache.get(key, async () => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
      return userOf(await review(send, path, body, options.patience));
    });
  };
}

function userOf({ authenticated, user }: Record<string, unknown>): User | undefined {
  if (authenticated !== true || !isRecord(user)) return undefined;
  const { username, uid, groups, extra } = user;
  if (typeof username !== 'string' || username === '') return undefined;
  return {
    name: username,
    uid: typeof uid === 'string' ? uid : '',
    groups: texts(groups),
    ...(isRecord(extra)
      ? { extra: Object.fromEntries(Object.entries(extra).map(([key, value]) => [key, texts(value)])) }
      : {}),
  };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
