/**
 * The closed set of error codes and the one place where each becomes an HTTP status, a gRPC status or an
 * exit status. The names follow gRPC's, because most of what we talk to already speaks them.
 */

interface Statuses {
  /** HTTP response status. */
  http: number;
  /** gRPC status number. */
  grpc: number;
  /** Exit status of a command that fails with this code, where the command has no rule of its own. */
  exit: number;
}

const table = {
  /** The caller asked for something that can never be right: a flag, a key, a path. */
  'invalid-argument': { http: 400, grpc: 3, exit: 1 },
  'not-found': { http: 404, grpc: 5, exit: 1 },
  'already-exists': { http: 409, grpc: 6, exit: 1 },
  unauthenticated: { http: 401, grpc: 16, exit: 1 },
  'permission-denied': { http: 403, grpc: 7, exit: 1 },
  /** Right in itself, but not in the state things are in: the container is not running. */
  'failed-precondition': { http: 409, grpc: 9, exit: 1 },
  /** Something with this identity is being worked on already. */
  busy: { http: 429, grpc: 10, exit: 1 },
  /** A limit was reached: disk space, a size bound, a rate. */
  'resource-exhausted': { http: 507, grpc: 8, exit: 1 },
  'deadline-exceeded': { http: 504, grpc: 4, exit: 1 },
  cancelled: { http: 499, grpc: 1, exit: 130 },
  /** Bytes that should be well-formed are not: truncated, altered, or never of this format. */
  corrupt: { http: 422, grpc: 15, exit: 1 },
  /** Well-formed, but of a kind or version that this program does not handle. */
  unsupported: { http: 501, grpc: 12, exit: 1 },
  unavailable: { http: 503, grpc: 14, exit: 1 },
  internal: { http: 500, grpc: 13, exit: 1 },
} as const satisfies Record<string, Statuses>;

export type ErrorCode = keyof typeof table;

export const errorCodes = Object.keys(table) as readonly ErrorCode[];

export function httpStatus(code: ErrorCode): number {
  return table[code].http;
}

export function grpcStatus(code: ErrorCode): number {
  return table[code].grpc;
}

export function exitStatus(code: ErrorCode): number {
  return table[code].exit;
}
