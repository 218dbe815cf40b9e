/**
 * Generates `src/gen` from `proto`, one TypeScript file per schema file, and `docs/cli` from the table of
 * commands. With `--check` it writes nothing and fails when what is committed is not what would be generated.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { generateDocs } from './generate-docs.ts';

const root = resolve(import.meta.dirname, '..');
const bin = join(root, 'node_modules/.bin');
const proto = join(root, 'proto');
/** Folders that hold generated files and nothing else. */
const targets = ['src/gen', 'docs/cli'];

/** Image formats become tables of fields, which load fast; everything else is spoken over gRPC. */
const tables = ['criu'];

interface Plugin {
  local: string | string[];
  opt?: string[];
}

const rpc: Plugin = {
  local: 'protoc-gen-es',
  opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
};
const plain: Plugin = { local: [process.execPath, join(root, 'scripts/protoc-gen-tables.ts')] };

function generate(into: string, plugin: Plugin, folders: readonly string[]): void {
  const template = { version: 'v2', plugins: [{ ...plugin, out: '.' }] };
  const paths = folders.flatMap((folder) => ['--path', join(proto, folder)]);
  const args = ['generate', proto, ...paths, '--output', into, '--template', JSON.stringify(template)];
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

function generateCode(into: string): void {
  const folders = readdirSync(proto).filter((folder) => files(join(proto, folder)).length > 0);
  const isTable = (folder: string): boolean => tables.includes(folder);
  const others = folders.filter((folder) => !isTable(folder));
  generate(into, plain, folders.filter(isTable));
  if (others.length > 0) generate(into, rpc, others);
}

/** Compares or replaces one folder. @returns the files that are not what would be generated. */
function settle(scratch: string, target: string, check: boolean): string[] {
  const names = [...new Set([...files(join(scratch, target)), ...files(join(root, target))])];
  const stale = names.filter((name) => differs(join(scratch, target, name), join(root, target, name)));
  if (!check) {
    rmSync(join(root, target), { recursive: true, force: true });
    cpSync(join(scratch, target), join(root, target), { recursive: true });
  }
  return stale.map((name) => join(target, name));
}

const check = process.argv.includes('--check');
const scratch = mkdtempSync(join(tmpdir(), 'stasis-generate-'));
try {
  generateCode(join(scratch, 'src/gen'));
  await generateDocs(join(scratch, 'docs/cli'));
  const stale = targets.flatMap((target) => settle(scratch, target, check));
  if (!check) process.stdout.write(`generated; changed files: ${stale.join(' ') || 'none'}\n`);
  else if (stale.length > 0) {
    process.stderr.write(`not what would be generated (run: npm run generate):\n${stale.join('\n')}\n`);
    process.exitCode = 1;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
