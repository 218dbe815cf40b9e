/**
 * Makes `dist/stasis`, one executable that needs nothing else: the command line's TypeScript, bundled and
 * precompiled, together with the runtime that carries it. `dist/checkpointctl` is a link to it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const bun = join(root, `node_modules/@oven/bun-${process.platform}-${process.arch}/bin/bun`);
const target = join(root, 'dist/stasis');
const fresh = `${target}.new-${process.pid}`;

const options = [
  '--compile',
  '--minify',
  // Code that is parsed ahead of time halves the start; only modules in ESM format may use top-level await.
  '--bytecode',
  '--format=esm',
  // What lies in the folder where the program is called must not steer it.
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
  '--no-compile-autoload-tsconfig',
  '--no-compile-autoload-package-json',
];

function build(): string | undefined {
  if (!existsSync(bun)) return `${bun} is missing: run make deps (there is one for Linux on x64 only)`;
  mkdirSync(join(root, 'dist'), { recursive: true });
  const args = ['build', ...options, join(root, 'src/cli/main.ts'), '--outfile', fresh];
  const made = spawnSync(bun, args, { cwd: root, encoding: 'utf8' });
  if (made.status !== 0) return `${made.stdout}${made.stderr}${made.error?.message ?? ''}`;
  // Somebody may be running the old one.
  renameSync(fresh, target);
  rmSync(join(root, 'dist/checkpointctl'), { force: true });
  symlinkSync('stasis', join(root, 'dist/checkpointctl'));
  return undefined;
}

const failure = build();
rmSync(fresh, { force: true });
if (failure === undefined) {
  process.stdout.write(`dist/stasis: ${(statSync(target).size / 2 ** 20).toFixed(0)} MiB\n`);
} else {
  process.stderr.write(`building dist/stasis: ${failure}\n`);
  process.exitCode = 1;
}
