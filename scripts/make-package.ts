/**
 * Makes the npm package: `dist/package`, and of it `dist/stasis-<version>.tgz`. The package holds compiled
 * JavaScript with declarations, for Node strips no types below node_modules. Nothing is fetched.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type TarMember, writeTar } from '../src/archive/tar-writer.ts';

const root = resolve(import.meta.dirname, '..');

type Manifest = Record<string, unknown> & { version: string; exports: Record<string, string> };

/** What of package.json concerns those who install it. */
const kept = ['name', 'version', 'description', 'license', 'type', 'engines', 'bin', 'dependencies'];

/** `./src/x.ts` is `./lib/x.js` there. */
function publishedExports(exports: Record<string, string>): Record<string, unknown> {
  const published = (file: string, ending: string) =>
    file.replace(/^\.\/src\/(.*)\.ts$/, `./lib/$1${ending}`);
  return Object.fromEntries(
    Object.entries(exports).map(([name, file]) => [
      name,
      file.endsWith('.ts') ? { types: published(file, '.d.ts'), default: published(file, '.js') } : file,
    ]),
  );
}

function publishedManifest(manifest: Manifest, manual: readonly string[]): Record<string, unknown> {
  return {
    ...Object.fromEntries(kept.map((name) => [name, manifest[name]])),
    exports: publishedExports(manifest.exports),
    man: manual.map((name) => `./man/${name}`),
  };
}

function compile(into: string): void {
  const tsc = join(root, 'node_modules/.bin/tsc');
  execFileSync(tsc, ['-p', join(root, 'tsconfig.package.json'), '--outDir', into], { stdio: 'inherit' });
}

/** Every file below, as members of the archive; without times and owners, so that it is the same each time. */
function members(folder: string): TarMember[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({
      name: `package/${path.slice(folder.length + 1)}`,
      mode: path.startsWith(join(folder, 'bin')) ? 0o755 : 0o644,
      content: readFileSync(path),
    }));
}

/**
 * @param into Folder for both; what an earlier run left there is replaced.
 * @returns The path of the archive.
 */
export async function makePackage(into: string): Promise<string> {
  const folder = join(into, 'package');
  const compiled = join(into, 'compiled');
  for (const path of [folder, compiled]) rmSync(path, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  compile(compiled);
  renameSync(join(compiled, 'src'), join(folder, 'lib'));
  rmSync(compiled, { recursive: true, force: true });
  // What is written by hand as a declaration is not compiled, but others refer to it.
  cpSync(join(root, 'src/bytes/platform.d.ts'), join(folder, 'lib/bytes/platform.d.ts'));
  for (const name of ['bin', 'LICENSE', 'README.md', 'CHANGELOG.md']) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  cpSync(join(root, 'docs/cli/man'), join(folder, 'man'), { recursive: true });
  const manifest: Manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const published = publishedManifest(manifest, readdirSync(join(folder, 'man')).sort());
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(members(folder))) pieces.push(piece);
  const archive = join(into, `stasis-${manifest.version}.tgz`);
  writeFileSync(archive, gzipSync(Buffer.concat(pieces), { level: 9 }));
  return archive;
}

if (import.meta.main) process.stdout.write(`made ${await makePackage(join(root, 'dist'))}\n`);
