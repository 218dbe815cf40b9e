import { CodedError } from '../errors/coded-error.ts';
import { parseDuration } from './duration.ts';

/** @throws CodedError `invalid-argument` naming the flag */
export function booleanOf(text: string | undefined, flag: string): boolean | undefined {
  if (text === undefined) return undefined;
  if (text === 'true' || text === 'false') return text === 'true';
  throw new CodedError('invalid-argument', `${flag} is ${JSON.stringify(text)}, neither true nor false`);
}

/** Seconds. @throws CodedError `invalid-argument` naming the flag */
export function durationOf(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  const seconds = parseDuration(text);
  if (seconds !== undefined) return seconds;
  throw new CodedError('invalid-argument', `${flag} is ${JSON.stringify(text)}, not a duration such as 2m`);
}
