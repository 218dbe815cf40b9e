/** Every check that needs no container runtime, one after the other; the output of what fails is shown. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const bin = (name: string): string => resolve(root, 'node_modules/.bin', name);

const checks: readonly (readonly [string, string, ...string[]])[] = [
  ['types', bin('tsc'), '-p', 'tsconfig.json'],
  ['types of the portable tiers, without Node', bin('tsc'), '-p', 'tsconfig.formats.json'],
  ['lint and format', bin('biome'), 'check', '--error-on-warnings', '.'],
  ['import rules', process.execPath, '--test', '--test-reporter=dot', 'test/import-rules.test.ts'],
  ['generated files', process.execPath, 'scripts/generate.ts', '--check'],
];

let failed = 0;
for (const [name, command, ...args] of checks) {
  const started = performance.now();
  const run = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  const ok = run.status === 0;
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${name} (${Math.round(performance.now() - started)} ms)\n`);
  if (!ok) process.stdout.write(`${run.stdout ?? ''}${run.stderr ?? ''}${run.error?.message ?? ''}\n`);
  if (!ok) failed++;
}
process.exitCode = failed ? 1 : 0;
