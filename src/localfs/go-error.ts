import type { ErrorCode } from '../errors/code.ts';
import { CodedError } from '../errors/coded-error.ts';

/** What the C library says for an errno, which is what Go prints. */
const words: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ['not-found', 'no such file or directory'],
  EACCES: ['permission-denied', 'permission denied'],
  EPERM: ['permission-denied', 'operation not permitted'],
  EEXIST: ['already-exists', 'file exists'],
  EISDIR: ['failed-precondition', 'is a directory'],
  ENOTDIR: ['failed-precondition', 'not a directory'],
  ENOTEMPTY: ['failed-precondition', 'directory not empty'],
  ENOSPC: ['resource-exhausted', 'no space left on device'],
  EDQUOT: ['resource-exhausted', 'disk quota exceeded'],
  EFBIG: ['resource-exhausted', 'file too large'],
  EMFILE: ['resource-exhausted', 'too many open files'],
  ENFILE: ['resource-exhausted', 'too many open files in system'],
  EROFS: ['failed-precondition', 'read-only file system'],
  EIO: ['unavailable', 'input/output error'],
  ELOOP: ['failed-precondition', 'too many levels of symbolic links'],
  ENAMETOOLONG: ['invalid-argument', 'file name too long'],
  EBUSY: ['busy', 'device or resource busy'],
  EXDEV: ['failed-precondition', 'invalid cross-device link'],
};

/** A system's error as Go prints it: `open /x: permission denied`. Anything else is passed on as it is. */
export function asGoError(operation: string, path: string, error: unknown): unknown {
  const errno = (error as NodeJS.ErrnoException).code;
  const known = errno === undefined ? undefined : words[errno];
  if (!known) return error;
  return new CodedError(known[0], `${operation} ${path}: ${known[1]}`, { cause: error, data: { path } });
}
