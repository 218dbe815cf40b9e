import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { folderFor, needsRuntime } from './runtime.ts';

const root = resolve(import.meta.dirname, '..');
const main = join(root, 'src/cli/main.ts');

/** A folder with the program and the completion of one shell, and a way to run that shell. */
function shell(t: TestContext, name: string): { script: string; run: (code: string) => string } {
  const folder = folderFor(t, 'shell');
  const program = join(folder, 'stasis');
  writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`);
  chmodSync(program, 0o755);
  const script = join(folder, `stasis.${name}`);
  writeFileSync(script, execFileSync(program, ['completion', name]));
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}`, HOME: folder, TERM: 'dumb' };
  const run = (code: string): string => {
    const shell = spawnSync(name, ['-c', code], { env, encoding: 'utf8' });
    assert.equal(shell.status, 0, shell.stderr);
    return shell.stdout;
  };
  return { script, run };
}

test('completion fish: names with what they do, and values', needsRuntime, (t) => {
  const { script, run } = shell(t, 'fish');
  assert.match(run(`source ${script}; complete -C 'stasis insp'`), /^inspect\tDisplay low-level .*\n$/);
  const formats = run(`source ${script}; complete -C 'stasis verify --format '`).split('\n');
  assert.deepEqual(formats.map((line) => line.split('\t')[0]).sort(), ['', 'json', 'text']);
});

test('completion bash: names and values', needsRuntime, (t) => {
  const { script, run } = shell(t, 'bash');
  const complete = (...words: string[]): string[] => {
    const line = words.join(' ');
    const code = `source ${script}
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
      COMP_LINE='${line}'; COMP_POINT=${line.length}
      $(complete -p stasis | sed 's/.*-F \\([^ ]*\\).*/\\1/') stasis '${words.at(-1)}' '${words.at(-2)}'
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    return run(code)
      .trim()
      .split('\n')
      .map((word) => word.trim());
  };
  assert.deepEqual(complete('stasis', 'insp'), ['inspect']);
  assert.deepEqual(complete('stasis', 'verify', '--format', '').sort(), ['json', 'text']);
});

test('completion zsh: an interactive shell fills in a name', needsRuntime, (t) => {
  const { script, run } = shell(t, 'zsh');
  // Typed into a terminal; the hook says with what the line was run.
  const output = run(`zmodload zsh/zpty
    zpty z zsh -f -i
    zpty -w z 'PS1=; autoload -U compinit; compinit -u -D; source ${script}; compdef _stasis stasis; preexec() { print -r -- "ran:$1:" }; print read""y'
    zpty -r z out '*ready*'
    zpty -w -n z $'stasis insp\\t\\n'
    zpty -r z out '*ran:*:*'
    print -r -- "$out"; zpty -d z`);
  assert.match(output, /ran:stasis inspect ?:/);
});

test('the manual + mandoc finds nothing wrong but the missing date', needsRuntime, () => {
  const folder = join(root, 'docs/cli/man');
  const pages = readdirSync(folder).filter((name) => name.endsWith('.1'));
  assert.ok(pages.length > 20);
  const lint = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', ...pages], {
    cwd: folder,
    encoding: 'utf8',
  });
  const found = lint.stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date'));
  assert.deepEqual(found, []);
});
