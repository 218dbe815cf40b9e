/**
 * Writes what `inspect` says of each sample to `fixtures/reports`, where tests compare it. Look at the difference
 * before it is committed: it is what users will see.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { archives, goldenReports, reportOf, reports, samples } from '../test/golden-reports.ts';

rmSync(reports, { recursive: true, force: true });
mkdirSync(reports);
for (const sample of samples) {
  for (const [file, line] of goldenReports(sample)) {
    writeFileSync(join(reports, file), await reportOf(line, join(archives, sample)));
  }
}
