import type { Send } from '../api/client.ts';
import type { Attributes, User } from './attributes.ts';
import { DecisionCache } from './decision-cache.ts';
import type { Authorizer } from './policy.ts';
import { type ReviewPatience, review } from './review.ts';

const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
/** Decisions that are kept. */
const mostDecisions = 8192;
/** Characters of a question whose answer is kept: a client must not fill our memory with long names. */
const longestKey = 10_000;

export interface AccessReviewOptions {
  /** Seconds that an allowance, and that a refusal, is kept. */
  allowedSeconds: number;
  deniedSeconds: number;
  patience?: ReviewPatience;
}

/** Lets those through whom the API server's authorizers let through. */
export function subjectAccessReviews(send: Send, options: AccessReviewOptions): Authorizer {
  const lifetime = (allowed: boolean) => (allowed ? options.allowedSeconds : options.deniedSeconds) * 1000;
  const cache = new DecisionCache<boolean>(lifetime, mostDecisions);
  return async (user, attributes) => {
    for (const subresource of attributes.subresources) {
      const spec = specOf(user, attributes, subresource);
      const ask = async () => {
        const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec };
        const { allowed } = await review(send, path, body, options.patience);
        return allowed === true;
      };
      const key = JSON.stringify(spec);
      if (key.length > longestKey ? await ask() : await cache.get(key, ask)) return true;
    }
    return false;
  };
}

/** What the API server is asked, in its own field names; what is empty is left out, as Go leaves it out. */
function specOf(user: User, { verb, apiVersion, resource, name }: Attributes, subresource: string) {
  return {
    resourceAttributes: { ...(verb ? { verb } : {}), version: apiVersion, resource, subresource, name },
    user: user.name,
    ...(user.groups.length > 0 ? { groups: user.groups } : {}),
    ...(user.extra ? { extra: user.extra } : {}),
    ...(user.uid ? { uid: user.uid } : {}),
  };
}
