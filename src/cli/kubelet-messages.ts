import { messageOf } from '../errors/coded-error.ts';
import { systemErrorText } from '../localfs/system-error.ts';
import { CommandError } from './command.ts';
import { printable, quote } from './output/escape.ts';

/*
 * The failures of show --target, extract and insert in the words of checkpointctl's first version, whose
 * messages had a line break before the cause. Scripts match them.
 */

export function targetMissing(target: string, cause: unknown): CommandError {
  const name = printable(target);
  return failure(
    `Target ${name} access error\n: ${printable(systemErrorText(cause, 'stat', target))}`,
    cause,
  );
}

export function unpackFailed(path: string, cause: unknown): CommandError {
  return failure(
    `Unpacking of checkpoint archive ${printable(path)} failed\n: ${causeText(cause, path)}`,
    cause,
  );
}

export function readFailed(path: string, cause: unknown): CommandError {
  return failure(`Reading ${quote(path)} failed\n: ${causeText(cause, path)}`, cause);
}

export function listMissing(path: string): CommandError {
  return failure(`Reading ${quote(path)} failed\n: ${missingText(path)}`, undefined);
}

export function outputNotGiven(): CommandError {
  return failure('Specifying an output file (-o|--output) is required\n', undefined);
}

export function compressionUnknown(algorithm: string): CommandError {
  return failure(`Select compression algorithm (${quote(algorithm)}) not supported\n`, undefined);
}

export function archiveMissing(path: string, cause: unknown): CommandError {
  return failure(`Cannot access ${quote(path)} failed\n: ${causeText(cause, path, 'stat')}`, cause);
}

export function outputFailed(path: string, cause: unknown): CommandError {
  // The name that failed is that of the temporary file beside it.
  const text = printable(systemErrorText(cause, 'open', path));
  return failure(`Cannot create tar archive ${quote(path)} failed\n: ${text}`, cause);
}

export function notExtracted(path: string, cause: string): CommandError {
  return failure(`${printable(path)} not a kubelet checkpoint archive\n: ${printable(cause)}`, undefined);
}

export function listedButAbsent(path: string): CommandError {
  const cause = `remove ${printable(path)}: no such file or directory`;
  return failure(`Unable to delete ${quote(path)}. This should not happen: ${cause}`, undefined);
}

export function targetListBroken(target: string, cause: unknown): CommandError {
  const name = printable(target);
  return failure(
    `could not read kubelet checkpoints metadata at ${name}\n: ${causeText(cause, target)}`,
    cause,
  );
}

/** What Go's library says of a list that is not there. */
export function missingText(path: string): string {
  return `Error opening ${quote(path)}: open ${printable(path)}: no such file or directory`;
}

function causeText(cause: unknown, path: string, operation = 'open'): string {
  if (!(cause instanceof Error)) return printable(messageOf(cause));
  const { cause: deeper, syscall, path: where } = cause as NodeJS.ErrnoException & { cause?: unknown };
  if (cause.name === 'MissingArchive' && deeper) return causeText(deeper, path, operation);
  return printable(systemErrorText(cause, syscall ?? operation, where ?? path));
}

function failure(message: string, cause: unknown): CommandError {
  return new CommandError(message, { code: 'failed-precondition', ...(cause ? { cause } : {}) });
}
