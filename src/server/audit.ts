import type { User } from '../auth/attributes.ts';

/** One line for each request: who asked for what, what was decided, what came of it. Never what was in it. */
export interface AuditRecord {
  user: string;
  groups: readonly string[];
  /** Peer's address. */
  from: string;
  method: string;
  /** Decoded path without query. */
  path: string;
  verb: string;
  resource: string;
  decision: 'allow' | 'forbid' | 'unauthenticated' | 'error' | 'public';
  status: number;
  milliseconds: number;
  /** Archive that was made or handed out, with the digest of its bytes. */
  archive?: string;
  digest?: string;
  /** Other files on the node that were written. */
  changed?: readonly string[];
  /** First line of what went wrong. */
  error?: string;
}

export type Audit = (record: AuditRecord) => void;

/** What is known about a request while it is worked on. */
export interface RequestFacts {
  path: string;
  user: User | undefined;
  verb: string;
  resource: string;
  decision: AuditRecord['decision'];
  archive?: string;
  changed?: readonly string[];
  /** First line of what went wrong; of a request about contents its code alone. */
  error?: string;
  /** What goes wrong may have contents, or what was looked for, in its words. */
  aboutContents?: boolean;
}
