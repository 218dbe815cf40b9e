import { displayWidth } from './width.ts';

/** More words than this are left on one line: the best breaks take time with the square of their number. */
const mostWords = 2000;

/**
 * Breaks `text` at spaces into lines of at most `limit` columns so that they are as even as can be: the sum of
 * the squares of what stays free is the smallest, the last line not counted. A longer word widens the limit.
 */
export function wrapEvenly(text: string, limit: number): string[] {
  const words = text.split(' ');
  const widths = words.map(displayWidth);
  if (words.length === 1 || words.length > mostWords) return [text];
  const longest = Math.max(limit, ...widths);
  const breaks = bestBreaks(widths, longest);
  const lines: string[] = [];
  for (let from = 0; from < words.length; ) {
    const to = breaks[from] ?? words.length;
    lines.push(words.slice(from, to).join(' '));
    from = to;
  }
  return lines;
}

/** For each word that a line could begin with, the word that the next line begins with. */
function bestBreaks(widths: readonly number[], limit: number): number[] {
  const count = widths.length;
  const cost = new Array<number>(count + 1).fill(0);
  const next = new Array<number>(count).fill(count);
  let rest = -1;
  for (let from = count - 1; from >= 0; from--) {
    rest += (widths[from] ?? 0) + 1;
    if (rest <= limit) continue;
    let best = Number.POSITIVE_INFINITY;
    let width = -1;
    for (let to = from + 1; to < count; to++) {
      width += (widths[to - 1] ?? 0) + 1;
      if (width > limit) break;
      const total = (limit - width) ** 2 + (cost[to] ?? 0);
      if (total >= best) continue;
      best = total;
      next[from] = to;
    }
    cost[from] = best;
  }
  return next;
}
