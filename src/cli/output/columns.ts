import { printable } from './escape.ts';
import { largest } from './width.ts';

/** Rows as columns with three spaces between, each as wide as its widest cell; escaped for a terminal. */
export function columns(rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) => row.map(printable));
  const widths = (safe[0] ?? []).map((_, at) => largest(safe.map((row) => row[at]?.length ?? 0)));
  return safe
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}
