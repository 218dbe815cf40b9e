import { printable } from './escape.ts';
import { displayWidth, padLeft, padRight } from './width.ts';
import { wrapEvenly } from './wrap.ts';

/** Columns at which a cell is wrapped. */
const widestCell = 30;
const number = /^-?(?:\d{1,3}(?:,\d{3})*|\d+)(?:\.\d+)?$/;

/**
 * A table in a box of `+`, `-` and `|`, a rule between rows, as checkpointctl drew it in its first years. In
 * each column a cell that equals the one above it is left empty and the rule between the two is open, so that
 * what belongs together is seen. Headers are centred, numbers stand on the right.
 *
 * Cells may come from outside: they are escaped here.
 */
export function boxedTable(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const heads = headers.map((header) => header.toUpperCase());
  const cells = rows.map((row) =>
    headers.map((_, column) => wrapEvenly(printable(row[column] ?? ''), widestCell)),
  );
  const widths = heads.map((head, column) =>
    Math.max(displayWidth(head), ...cells.map((row) => cellWidth(row[column] ?? []))),
  );
  const closed = rule(widths, () => false);
  const out = [closed, line(heads.map((head, column) => centre(head, widths[column] ?? 0))), closed];
  let above: string[] = [];
  for (const row of cells) {
    const texts = row.map((lines) => lines.join(' ').trimEnd());
    const merged = texts.map((text, column) => text !== '' && text === above[column]);
    if (above.length > 0) out.push(rule(widths, (column) => merged[column] === true));
    out.push(...rowLines(row, widths, merged));
    above = texts;
  }
  if (rows.length > 0) out.push(closed);
  return `${out.join('\n')}\n`;
}

/** A wrapped cell is as wide as it may be, however its lines came out. */
function cellWidth(lines: readonly string[]): number {
  const widest = Math.max(0, ...lines.map(displayWidth));
  return lines.length > 1 ? Math.max(widest, widestCell) : widest;
}

function rowLines(row: readonly string[][], widths: readonly number[], merged: readonly boolean[]): string[] {
  const height = Math.max(...row.map((lines) => lines.length));
  return Array.from({ length: height }, (_, index) =>
    line(
      row.map((lines, column) => {
        const text = merged[column] ? '' : (lines[index] ?? '');
        const width = widths[column] ?? 0;
        return number.test(text.trim()) ? padLeft(text, width) : padRight(text, width);
      }),
    ),
  );
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function rule(widths: readonly number[], open: (column: number) => boolean): string {
  return `+${widths.map((width, column) => (open(column) ? ' ' : '-').repeat(width + 2)).join('+')}+`;
}

function centre(text: string, width: number): string {
  const gap = Math.max(0, width - displayWidth(text));
  const left = Math.floor(gap / 2);
  return ' '.repeat(left) + text + ' '.repeat(gap - left);
}
