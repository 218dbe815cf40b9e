/** What CRIU is told by the whole machine, for tests that change it: one at a time, whichever file it is in. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { until } from './runtime.ts';

const turn = '/run/stasis-criu-settings';
const files = ['crun', 'runc'].map((name) => `/etc/criu/${name}.conf`);

/** Has CRIU keep connections under whatever calls it here, until the test's end. */
export async function keepConnections(t: TestContext): Promise<void> {
  await until('the other tests are done with the settings of CRIU', takeTurn, 240_000);
  const before = files.map((file) => readFileSync(file, 'utf8'));
  t.after(() => {
    for (const [index, file] of files.entries()) writeFileSync(file, before[index] ?? '');
    rmSync(turn);
  });
  for (const [index, file] of files.entries()) writeFileSync(file, `${before[index]}tcp-established\n`);
}

/** Takes that back before the test's end. */
export function forgetConnections(): void {
  for (const file of files)
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('tcp-established\n', ''));
}

function takeTurn(): boolean {
  try {
    writeFileSync(turn, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}
