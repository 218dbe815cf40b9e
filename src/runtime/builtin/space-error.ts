import { CodedError } from '../../errors/coded-error.ts';

/** A full disk, in this project's words. */
export function spaceError(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new CodedError('resource-exhausted', `there is no space left for the checkpoint: ${message}`, {
    cause: error,
    hint: 'free disk space, or keep fewer checkpoints',
  });
}
