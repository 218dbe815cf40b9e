import type { ErrorCode } from '../errors/code.ts';
import { CodedError } from '../errors/coded-error.ts';
import { systemErrorCode, systemErrorText } from './system-error.ts';

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'not-found',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  EEXIST: 'already-exists',
  ENOSPC: 'resource-exhausted',
  EDQUOT: 'resource-exhausted',
  EFBIG: 'resource-exhausted',
  EMFILE: 'resource-exhausted',
  ENAMETOOLONG: 'invalid-argument',
  EBUSY: 'busy',
  EIO: 'unavailable',
};

/** A system's error as Go prints it: `open /x: permission denied`. Anything else is passed on as it is. */
export function asGoError(operation: string, path: string, error: unknown): unknown {
  const errno = systemErrorCode(error);
  if (errno === undefined) return error;
  const message = systemErrorText(error, operation, path);
  return new CodedError(codes[errno] ?? 'failed-precondition', message, { cause: error, data: { path } });
}
