import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { archives, committedReport, goldenReports, reportOf, reports, samples } from './golden-reports.ts';

for (const sample of samples) {
  test(`inspect + ${sample}: what was committed (scripts/make-reports.ts writes it again)`, async () => {
    for (const [file, line] of goldenReports(sample)) {
      assert.equal(await reportOf(line, join(archives, sample)), committedReport(file), file);
    }
  });
}

test('inspect + every committed report is of a sample', () => {
  const expected = samples.flatMap((sample) => goldenReports(sample).map(([file]) => file));
  assert.ok(samples.length >= 15);
  assert.deepEqual(readdirSync(reports).sort(), expected.toSorted());
});
