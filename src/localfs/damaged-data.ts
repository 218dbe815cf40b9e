import type { Compression } from '../archive/compression.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';

/** What to say of packed bytes that do not unpack. @param found the platform's error, or what is wrong */
export function damaged(compression: Compression, found: unknown): CodedError {
  const text = messageOf(found);
  const cut = text === 'unexpected end of file' ? 'unexpected EOF: ' : '';
  return new CodedError('corrupt', `${cut}the ${compression} data are damaged or cut off (${text})`, {
    cause: found,
  });
}
