/** The npm package as somebody else has it: unpacked below node_modules, with its own dependencies and no others. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { makePackage } from '../scripts/make-package.ts';
import { project, runFor } from './runtime.ts';

const modules = join(project, 'node_modules');
const bin = (name: string): string => join(modules, '.bin', name);
/** Libraries that run in a browser as well. */
const portable = ['archive', 'checkpoint', 'checkpointmanager', 'criu', 'inspect'];

interface Manifest {
  version: string;
  bin: Record<string, string>;
  man: string[];
  dependencies: Record<string, string>;
  exports: Record<string, string | { types: string; default: string }>;
}

let folder: string;
let archive: string;
let installed: string;
let manifest: Manifest;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stasis-package-'));
  archive = await makePackage(join(folder, 'made'));
  installed = join(folder, 'user/node_modules/stasis');
  mkdirSync(installed, { recursive: true });
});

after(() => rmSync(folder, { recursive: true, force: true }));

const statement =
  /^(?:import|export)\s+(?:(?:\{[^}]*\}|\*(?: as \w+)?|\w+(?:, \{[^}]*\})?)\s+from\s+)?['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]/gm;

/** Modules that a compiled file imports, and those that they import; by file, what is not relative as it is named. */
function importsOf(file: string, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(file)) return seen;
  const outside: string[] = [];
  seen.set(file, outside);
  const text = readFileSync(file, 'utf8');
  for (const [, fixed, lazy] of text.matchAll(statement)) {
    const name = fixed ?? lazy ?? '';
    if (name.startsWith('.')) importsOf(resolve(dirname(file), name), seen);
    else outside.push(name);
  }
  return seen;
}

function entry(name: string, kind: 'types' | 'default'): string {
  const target = manifest.exports[name];
  assert.ok(typeof target === 'object', name);
  return join(installed, target[kind]);
}

test('makePackage packs compiled JavaScript and a clean manifest', async (t) => {
  const unpacked = await runFor(t, 'tar', ['-xzf', archive, '-C', installed, '--strip-components=1']);
  assert.equal(unpacked.status, 0, unpacked.stderr);
  manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of ['private', 'devDependencies', 'optionalDependencies', 'scripts']) {
    assert.ok(!(name in manifest), name);
  }
  const { stdout } = await runFor(t, 'tar', ['-tzf', archive]);
  const names = stdout.trim().split('\n');
  assert.deepEqual(
    names.filter((name) => /\.test\.|(?<!\.d)\.ts$|node_modules|fixtures/.test(name)),
    [],
  );
  for (const name of [
    'LICENSE',
    'README.md',
    'bin/stasis.cjs',
    ...manifest.man.map((each) => each.slice(2)),
  ]) {
    assert.ok(names.includes(`package/${name}`), name);
  }
  // As an installer would put them: only what the manifest asks for.
  for (const name of Object.keys(manifest.dependencies)) {
    const link = join(folder, 'user/node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(modules, name), link);
  }
});

test('the package imports nothing but Node and its own dependencies', () => {
  const own = [...Object.keys(manifest.dependencies), 'node:'];
  for (const start of ['lib/cli/main.js', 'lib/daemon/main.js']) {
    for (const [file, outside] of importsOf(join(installed, start))) {
      for (const name of outside) {
        assert.ok(
          own.some((each) => name === each || name.startsWith(each.endsWith(':') ? each : `${each}/`)),
          `${file} imports ${name}`,
        );
      }
    }
  }
});

test('every entry point of the package is imported by Node', async (t) => {
  const names = Object.keys(manifest.exports).filter((name) => name !== './package.json');
  const program = `
    for (const name of ${JSON.stringify(names)}) {
      const got = await import('stasis' + name.slice(1));
      console.log(name, Object.keys(got).length > 0);
    }
    const { openCheckpoint } = await import('stasis/checkpoint/open');
    const { readIdentity } = await import('stasis/checkpoint');
    const checkpoint = await openCheckpoint(process.argv[2]);
    console.log((await readIdentity(checkpoint)).name);
    await checkpoint.close();
  `;
  const file = join(folder, 'user/entries.mjs');
  writeFileSync(file, program);
  const sample = join(project, 'fixtures/archives/podman-5.8.6/crun.tar.gz');
  const { status, stdout, stderr } = await runFor(t, process.execPath, [file, sample]);
  assert.equal(status, 0, stderr);
  const lines = stdout.trim().split('\n');
  assert.deepEqual(
    lines.slice(0, -1),
    names.map((name) => `${name} true`),
  );
  assert.notEqual(lines.at(-1), '');
});

test('the programs of the package run from compiled JavaScript', async (t) => {
  const version = { stasis: ['--version'], checkpointctl: ['--version'], stasisd: ['--version'] };
  for (const [name, args] of Object.entries(version)) {
    const file = join(installed, manifest.bin[name] ?? '');
    const { status, stdout, stderr } = await runFor(t, process.execPath, [file, ...args], { cwd: folder });
    assert.equal(status, 0, stderr);
    assert.ok(stdout.includes(manifest.version), stdout);
  }
  const sample = join(project, 'fixtures/archives/podman-5.8.6/crun.tar.gz');
  const shown = await runFor(t, process.execPath, [join(installed, 'bin/stasis.cjs'), 'show', sample]);
  assert.match(shown.stdout, /Podman/);
  assert.equal(shown.status, 0, shown.stderr);
});

test('a program in TypeScript is checked against the declarations of the package', async (t) => {
  const use = (line: string): string => `
    import { openCheckpoint } from 'stasis/checkpoint/open';
    import { readIdentity } from 'stasis/checkpoint';
    import { indexTar, bytesSource } from 'stasis/archive';
    import { CheckpointManager, go } from 'stasis/checkpointmanager';
    import { FileStore } from 'stasis/checkpointmanager/file-store';
    import { decodeImage, type Image } from 'stasis/criu';
    import { explainLog } from 'stasis/inspect';
    const name: string = (await readIdentity(await openCheckpoint('x'))).name;
    const image: Image = decodeImage(new Uint8Array(8), 'x');
    const meaning: string | undefined = explainLog(name)?.meaning;
    const manager = new CheckpointManager(await FileStore.open('x'));
    console.log(image, meaning, manager, go.string, await indexTar(bytesSource(new Uint8Array(1024))));
    ${line}
  `;
  const file = join(folder, 'user/use.ts');
  symlinkSync(join(modules, '@types'), join(folder, 'user/node_modules/@types'));
  const options = ['--strict', '--noEmit', '--target', 'es2024', '--module', 'nodenext', '--types', 'node'];
  const check = async (line: string) => {
    writeFileSync(file, use(line));
    return runFor(t, bin('tsc'), [...options, file], { cwd: join(folder, 'user') });
  };
  writeFileSync(join(folder, 'user/package.json'), '{"type":"module"}');
  const good = await check('');
  assert.equal(good.status, 0, good.stdout);
  const bad = await check('const wrong: number = name;');
  assert.match(bad.stdout, /use\.ts.*'string' is not assignable to type 'number'/);
});

for (const name of portable) {
  test(`stasis/${name} imports nothing but itself`, () => {
    const found = importsOf(entry(`./${name}`, 'default'));
    assert.ok(found.size > 5, [...found.keys()].join(' '));
    for (const [file, outside] of found) {
      assert.deepEqual(outside, [], file);
    }
  });
}

test('stasis/criu and stasis/checkpointmanager run in a browser', async (t) => {
  const file = join(folder, 'user/page.js');
  writeFileSync(
    file,
    `import { indexTar, openEntry } from 'stasis/archive';
     import { bytesSource, critValue, decodeImage } from 'stasis/criu';
     import { CheckpointManager, fnv32a, MemoryStore } from 'stasis/checkpointmanager';
     globalThis.result = (async () => {
       const tar = bytesSource(globalThis.given);
       const index = await indexTar(tar);
       const member = index.get('./pstree.img') ?? index.get('pstree.img');
       const source = openEntry(tar, member);
       const image = decodeImage(await source.read(0, source.size), 'pstree.img');
       const manager = new CheckpointManager(new MemoryStore());
       return JSON.stringify({
         image: critValue(image), sum: fnv32a(new TextEncoder().encode('x')), keys: await manager.listCheckpoints(),
       }, (_name, value) => (typeof value === 'bigint' ? Number(value) : value));
     })();`,
  );
  const bundle = join(folder, 'page-bundle.js');
  const args = ['build', file, '--target=browser', '--format=iife', `--outfile=${bundle}`];
  const built = await runFor(t, join(modules, '@oven/bun-linux-x64/bin/bun'), args);
  assert.equal(built.status, 0, built.stderr);
  const images = join(project, 'fixtures/archives/crun-1.28/images.tar.gz');
  const { gunzipSync } = await import('node:zlib');
  // What every browser has and the language alone has not; nothing of Node.
  const globals: Record<string, unknown> = { TextDecoder, TextEncoder, AbortSignal };
  const page = createContext({ ...globals, given: new Uint8Array(gunzipSync(readFileSync(images))) });
  runInContext(readFileSync(bundle, 'utf8'), page);
  const result = JSON.parse(await (page['result'] as Promise<string>));
  assert.equal(result.image.magic, 'PSTREE');
  assert.equal(result.image.entries[0].pid, 1);
  assert.equal(result.sum, Math.imul(0x811c9dc5 ^ 0x78, 0x01000193) >>> 0);
  assert.deepEqual(result.keys, []);
});
