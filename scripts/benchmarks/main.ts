/**
 * Measures the executable against the programs that people use today, on archives made here by a real engine.
 * Only ratios carry over to another machine: every line's contestants run in turns. The exit status says whether
 * everything promised was kept.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Archives, checkpointOf, folderOf, prepareImage } from './archives.ts';
import { type Case, casesFor } from './cases.ts';
import { compare, type Measured } from './measure.ts';

function verdict({ target }: Case, measured: readonly Measured[]): string {
  if (!target) return '';
  const [us] = measured;
  if (us?.median === undefined) return 'MISSED (not measured)';
  const said: string[] = [];
  let kept = us.resident <= (target.resident ?? Number.POSITIVE_INFINITY);
  if (target.resident !== undefined) said.push(`at most ${target.resident} MiB`);
  if (target.milliseconds !== undefined) {
    kept &&= us.median <= target.milliseconds;
    said.push(`at most ${target.milliseconds.toFixed(0)} ms`);
  }
  if (target.than !== undefined && target.times !== undefined) {
    const them = measured.find(({ name }) => name === target.than);
    if (them?.median === undefined) return 'MISSED (nothing to compare with)';
    const ratio = us.median / them.median;
    kept &&= ratio <= target.times;
    said.unshift(`${ratio.toFixed(2)} × ${target.than}, at most ${target.times}`);
  }
  return `${kept ? 'kept' : 'MISSED'}: ${said.join('; ')}`;
}

function describe({ name, median, processor, resident, failure }: Measured): string {
  if (median === undefined) return `${name}: ${failure}`;
  const wall = median < 100 ? median.toFixed(1) : median.toFixed(0);
  return `${name} ${wall} ms (${processor} ms of processor) ${resident} MiB`;
}

const sizes = process.argv.slice(2).map(Number);
if (sizes.some((mib) => !Number.isInteger(mib) || mib < 1)) throw new Error('sizes are whole numbers of MiB');
const folder = mkdtempSync(join(tmpdir(), 'bench-'));
try {
  await prepareImage(folder);
  const archives: Archives[] = [];
  for (const mib of sizes.length > 0 ? sizes : [1, 100, 1024]) archives.push(await checkpointOf(folder, mib));
  const load = (): string => loadavg()[0]?.toFixed(1) ?? '';
  process.stdout.write(`load ${load()} on ${availableParallelism()} processors\n`);
  for (const one of casesFor(archives, folderOf(folder, 1000))) {
    const measured = compare(one.contestants);
    const said = verdict(one, measured);
    if (said.startsWith('MISSED')) process.exitCode = 1;
    process.stdout.write(
      `${one.work.padEnd(24)} ${measured.map(describe).join(' | ')}${said && ` | ${said}`}\n`,
    );
  }
  process.stdout.write(`load ${load()} at the end\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
