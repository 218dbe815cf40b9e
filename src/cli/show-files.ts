import { printGoJson } from '../bytes/go-json.ts';
import { type Report, readReport } from '../inspect/report.ts';
import type { Console } from './console.ts';
import { displayNode } from './inspect-json.ts';
import { openCheckpoint } from './open.ts';
import { printable } from './output/escape.ts';
import { byteText } from './output/quantities.ts';
import { tabTable } from './output/tab-table.ts';
import { withContainersOfPods } from './pod-archives.ts';

/**
 * Prints one line for each checkpoint archive, and for each container in that of a pod. One file has a heading and no column for a root file system that
 * did not change; several have neither.
 */
export async function showFiles(
  given: readonly string[],
  format: 'table' | 'json',
  console: Console,
): Promise<void> {
  const paths = await withContainersOfPods(given, console);
  const reports: Report[] = [];
  for (const path of paths) reports.push(await reportOf(path, console));
  if (format === 'json') {
    console.out.write(
      `${printGoJson(
        reports.map((report) => displayNode(report)),
        '  ',
      )}\n`,
    );
    return;
  }
  const [only] = paths.length === 1 ? reports : [];
  if (only) {
    console.out.write(`\nDisplaying container checkpoint data from ${printable(paths[0] ?? '')}\n\n`);
  }
  const withDiff = !only || only.sizes.rootfsDiff > 0;
  const headers = ['Container', 'Image', 'ID', 'Runtime', 'Created', 'Engine', 'CHKPT Size'];
  if (withDiff) headers.push('Root FS Diff Size');
  const rows = reports.map(({ identity, sizes }) => {
    const { name, image, id, runtime, created, engine } = identity;
    const row = [name, image, shortId(id), runtime, created, engine, byteText(sizes.images)];
    return withDiff ? [...row, byteText(sizes.rootfsDiff)] : row;
  });
  console.out.write(tabTable(headers, rows));
}

/** The first twelve characters, as container engines shorten ids. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

async function reportOf(path: string, console: Console): Promise<Report> {
  const checkpoint = await openCheckpoint(path, { limits: console.limits });
  try {
    return await readReport(checkpoint);
  } finally {
    await checkpoint.close();
  }
}
