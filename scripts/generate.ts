/**
 * Generates `src/gen` from `proto`: one TypeScript file per schema file. With `--check` it writes nothing and
 * fails when what is committed is not what would be generated.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const bin = join(root, 'node_modules/.bin');
const proto = join(root, 'proto');
const target = join(root, 'src/gen');

const template = {
  version: 'v2',
  plugins: [
    {
      local: 'protoc-gen-es',
      out: '.',
      opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
    },
  ],
};

function generate(into: string): void {
  const args = ['generate', proto, '--output', into, '--template', JSON.stringify(template)];
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
  const run = spawnSync(join(bin, 'buf'), args, { cwd: root, encoding: 'utf8', env });
  if (run.status !== 0) throw new Error(`buf generate failed: ${run.stderr || run.error?.message}`);
}

function files(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

function differs(a: string, b: string): boolean {
  return !existsSync(a) || !existsSync(b) || !readFileSync(a).equals(readFileSync(b));
}

const scratch = mkdtempSync(join(tmpdir(), 'stasis-generate-'));
try {
  if (files(proto).some((name) => name.endsWith('.proto'))) generate(scratch);
  const names = [...new Set([...files(scratch), ...files(target)])];
  const stale = names.filter((name) => differs(join(scratch, name), join(target, name)));
  if (!process.argv.includes('--check')) {
    rmSync(target, { recursive: true, force: true });
    cpSync(scratch, target, { recursive: true });
    process.stdout.write(`generated ${files(target).length} files, ${stale.length} of them changed\n`);
  } else if (stale.length > 0) {
    process.stderr.write(`not what proto/ generates (run: npm run generate):\n${stale.join('\n')}\n`);
    process.exitCode = 1;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
