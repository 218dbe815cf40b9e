import { isCoded } from '../errors/coded-error.ts';
import { systemErrorText } from '../localfs/system-error.ts';
import { CommandError } from './command.ts';
import type { Console } from './console.ts';
import { printable, printableLines } from './output/escape.ts';

/** Says on standard error what went wrong, in one line where the message has one, and what to do about it. */
export function reportError(error: unknown, console: Console): void {
  console.out.flush();
  console.err.write(`Error: ${errorText(error)}\n`);
  if (isCoded(error) && error.hint) console.err.write(`${printableLines(error.hint)}\n`);
  if (console.env['STASIS_DEBUG'] && error instanceof Error) {
    console.err.write(`${printableLines(error.stack ?? '')}\n`);
  }
}

/** The message of anything thrown, safe to print. */
export function errorText(error: unknown): string {
  if (error instanceof CommandError) return printableLines(error.message);
  if (isCoded(error)) return printable(error.message);
  const { syscall, path } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  if (!syscall || !path) return printable(error instanceof Error ? error.message : String(error));
  return printable(systemErrorText(error, syscall, path));
}
