/**
 * Measures the executable against the programs that people use today, on archives made here by a real engine.
 * Only ratios carry over to another machine: every line's contestants run in turns. The exit status says whether
 * everything promised was kept.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Archives, checkpointOf, folderOf, prepareImage } from './archives.ts';
import { type Case, casesFor } from './cases.ts';
import { compare, type Measured } from './measure.ts';

function verdict({ target }: Case, [us, ...others]: readonly Measured[]): string {
  const them = others.find(({ name }) => name === target?.than);
  if (!target) return '';
  if (us?.median === undefined || them?.median === undefined) return 'MISSED (not measured)';
  const ratio = us.median / them.median;
  const kept = ratio <= target.times && us.resident <= (target.resident ?? Number.POSITIVE_INFINITY);
  const memory = target.resident === undefined ? '' : `, ${target.resident} MiB`;
  return `${kept ? 'kept' : 'MISSED'}: ${ratio.toFixed(2)} × ${target.than} (at most ${target.times}${memory})`;
}

function describe({ name, median, resident, failure }: Measured): string {
  if (median === undefined) return `${name}: ${failure}`;
  const wall = median < 100 ? median.toFixed(1) : median.toFixed(0);
  return `${name} ${wall} ms ${resident} MiB`;
}

const sizes = process.argv.slice(2).map(Number);
if (sizes.some((mib) => !Number.isInteger(mib) || mib < 1)) throw new Error('sizes are whole numbers of MiB');
const folder = mkdtempSync(join(tmpdir(), 'bench-'));
try {
  await prepareImage(folder);
  const archives: Archives[] = [];
  for (const mib of sizes.length > 0 ? sizes : [1, 100, 1024]) archives.push(await checkpointOf(folder, mib));
  for (const one of casesFor(archives, folderOf(folder, 1000))) {
    const measured = compare(one.contestants);
    const said = verdict(one, measured);
    if (said.startsWith('MISSED')) process.exitCode = 1;
    process.stdout.write(
      `${one.work.padEnd(24)} ${measured.map(describe).join(' | ')}${said && ` | ${said}`}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
