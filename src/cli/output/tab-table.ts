import { printable } from './escape.ts';
import { displayWidth, largest, padRight } from './width.ts';

/** Narrowest column and the gap after the longest cell, in columns of the terminal. */
const narrowest = 6;
const gap = 3;

/**
 * A table without lines as checkpointctl draws it today: upper-case headers, dashes as long as each of them,
 * rows; the last cell of a line is not padded. Cells may come from outside: they are escaped here.
 */
export function tabTable(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const heads = headers.map((header) => header.toUpperCase());
  const dashes = headers.map((header) => '-'.repeat(header.length));
  const lines = [heads, dashes, ...rows.map((row) => row.map(printable))];
  const widths = headers.map((_, column) =>
    largest(
      lines.map((cells) => displayWidth(cells[column] ?? '') + gap),
      narrowest,
    ),
  );
  const text = lines.map((cells) => {
    const last = cells.length - 1;
    return cells
      .map((cell, column) => (column === last ? cell : padRight(cell, widths[column] ?? 0)))
      .join('');
  });
  return `${text.join('\n')}\n`;
}
