import type { ErrorCode } from '../errors/code.ts';
import { CodedError } from '../errors/coded-error.ts';

/** What Go (and strerror, in lower case) says of the usual failures; libuv words some of them differently. */
const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBUSY: 'device or resource busy',
  EDQUOT: 'disk quota exceeded',
  EEXIST: 'file exists',
  EFBIG: 'file too large',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  ENXIO: 'no such device or address',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
};

/** The error number's name (`ENOENT`), or undefined where `error` is none of the system's. */
export function systemErrorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/**
 * A failed system call as Go words it, `open /a/b: no such file or directory`; the message of `error` itself
 * where it is none of the system's.
 */
export function systemErrorText(error: unknown, operation: string, path: string): string {
  const code = systemErrorCode(error);
  const message = error instanceof Error ? error.message : String(error);
  if (!code) return message;
  return `${operation} ${path}: ${words[code] ?? message.replace(/^[A-Z0-9]+: |, .*$/gs, '')}`;
}

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

/** What `work` throws; undefined where it throws nothing. */
export function failureOf(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
