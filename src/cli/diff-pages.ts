import type { MapPages, PageCounts, PageDiff } from '../inspect/page-diff.ts';
import { tabTable } from './output/tab-table.ts';

/** Most ranges of one map that are shown to people. */
const shownRanges = 2;

/** A row for each map whose pages differ, and where; with `unchanged`, for every map. */
export function pageLines(spaces: readonly PageDiff[], unchanged: boolean): string[] {
  const maps = spaces.flatMap(({ pid, segment, maps: all }) => {
    const owner = pid === undefined ? `shared ${segment}` : String(pid);
    return all.filter((map) => unchanged || differs(map)).map((map) => ({ owner, map }));
  });
  if (maps.length === 0) return ['│ = No page differs'];
  const rows = maps.map(({ owner, map }) => [owner, ...rowOf(map)]);
  const headers = ['PID', 'Changed', 'Added', 'Removed', 'Same', 'Rights', 'Map'];
  const [head = '', dashes = '', ...lines] = tabTable(headers, rows).trimEnd().split('\n');
  const out = [head, dashes];
  for (const [at, line] of lines.entries()) {
    out.push(line);
    const ranges = maps[at] && rangesText(maps[at].map);
    if (ranges) out.push(`      ${ranges}`);
  }
  return out.map((line) => `│ ${line}`.trimEnd());
}

function differs({ pages, rightsBefore, only }: MapPages): boolean {
  return rightsBefore !== undefined || only !== undefined || sum(pages) > pages.same;
}

function sum({ same, changed, added, removed, unknown }: PageCounts): number {
  return same + changed + added + removed + unknown;
}

function rowOf(map: MapPages): string[] {
  const { pages, rights, rightsBefore, only } = map;
  const note = only === undefined ? '' : only === 'after' ? ' (new)' : ' (gone)';
  return [
    String(pages.changed),
    String(pages.added),
    String(pages.removed),
    String(pages.same),
    rightsBefore === undefined ? rights : `${rightsBefore}>${rights}`,
    `${map.name || hex(map.start)}${note}`,
  ];
}

function rangesText({ ranges, moreRanges = 0 }: MapPages): string {
  const shown = ranges.slice(0, shownRanges).map(({ start, end }) => `${hex(start)}-${hex(end)}`);
  const more = ranges.length - shown.length + moreRanges;
  return `${shown.join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function hex(address: bigint): string {
  return address.toString(16);
}
