import type { MapPages, PageCounts, PageDiff } from '../inspect/page-diff.ts';
import { tabTable } from './output/tab-table.ts';

/** Most ranges of one map that are shown to people. */
const shownRanges = 4;

/** A row for each map whose pages differ; with `unchanged`, for every map. */
export function pageLines(spaces: readonly PageDiff[], unchanged: boolean): string[] {
  const rows = spaces.flatMap(({ pid, segment, maps }) => {
    const owner = pid === undefined ? `segment ${segment}` : String(pid);
    return maps.filter((map) => unchanged || differs(map)).map((map) => [owner, ...rowOf(map)]);
  });
  if (rows.length === 0) return ['│ = No page differs'];
  const headers = ['PID', 'Changed', 'Added', 'Removed', 'Same', 'Rights', 'Map', 'Pages at'];
  return tabTable(headers, rows)
    .trimEnd()
    .split('\n')
    .map((line) => `│ ${line}`.trimEnd());
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
    rangesText(map),
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
