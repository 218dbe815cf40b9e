import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

const root = resolve(import.meta.dirname, '..');
const fixtures = join(root, 'fixtures/archives');
const executable = join(root, 'dist/stasis');

/** The two ways in which the command line runs: on Node from its source, and as one executable. */
const ways: readonly { name: string; command: string[]; skip: string | false }[] = [
  { name: 'on Node', command: [process.execPath, join(root, 'bin/stasis.cjs')], skip: false },
  {
    name: 'as one executable',
    command: [executable],
    skip: existsSync(executable) ? false : 'dist/stasis is not built (make build)',
  },
];

function call(command: readonly string[], options: Parameters<typeof spawnSync>[2] = {}) {
  const [program = '', ...args] = command;
  const { status, signal, stdout, stderr } = spawnSync(program, args, { ...options, encoding: 'utf8' });
  return { status, signal, stdout, stderr };
}

for (const { name, command, skip } of ways) {
  describe(`stasis ${name}`, { skip }, () => {
    const stasis = (...line: string[]) => call([...command, ...line]);

    test('show, inspect, list, memparse, crit and verify work on every kind of archive', () => {
      for (const archive of [
        'crio-1.37-runc.tar',
        'podman-5.8.6-crun-zstd.tar',
        'podman-5.8.6-create-image.oci.tar',
      ]) {
        const path = join(fixtures, archive);
        for (const line of [
          ['show', path],
          ['inspect', '--all', '--section', 'all', path],
          ['memparse', path],
          ['memparse', '-p', '1', '-s', 'PATH', path],
          ['crit', 'x', path, 'mems'],
          ['verify', path],
          ['ls', path],
        ]) {
          const { status, stderr, stdout } = stasis(...line);
          assert.deepEqual([status, stderr], [0, ''], `${line.join(' ')}: ${stdout}`);
          assert.ok(stdout.length > 50, line.join(' '));
        }
      }
    });

    test('an archive on standard input, from a file and through a pipe', () => {
      const path = join(fixtures, 'podman-5.8.6-crun-zstd.tar');
      const quoted = command.map((word) => `'${word}'`).join(' ');
      const expected = stasis('inspect', '--ps-tree-cmd', path).stdout.replace(path, '-');
      for (const line of [
        `${quoted} inspect --ps-tree-cmd - < '${path}'`,
        `cat '${path}' | ${quoted} inspect --ps-tree-cmd -`,
      ]) {
        const { status, stdout, stderr } = call(['bash', '-c', line]);
        assert.deepEqual([status, stderr, stdout], [0, '', expected]);
      }
    });

    test('build and show --target read standard input as well', () => {
      const folder = mkdtempSync(join(tmpdir(), 'stasis-cli-'));
      try {
        const path = join(fixtures, 'podman-5.8.6-crun-zstd.tar');
        const quoted = command.map((word) => `'${word}'`).join(' ');
        const lines = `cat '${path}' | ${quoted} build -o ${folder}/i.tar - made:1 && ${quoted} show ${folder}/i.tar
          cat '${path}' | ${quoted} show -t -`;
        const { status, stdout, stderr } = call(['bash', '-c', lines]);
        assert.equal(status, 0, stderr);
        assert.match(stdout, /Displaying container checkpoint data from .*i\.tar\n/);
        assert.match(stdout, /Displaying container checkpoint data from -\n/);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    test('extract and insert: the lock, compression and atomic files work', () => {
      const folder = mkdtempSync(join(tmpdir(), 'stasis-cli-'));
      try {
        const list = JSON.stringify({ CheckpointedPods: [{ SandboxID: 's', Containers: [{ Image: 'i' }] }] });
        const made = call(
          [
            'bash',
            '-c',
            `mkdir ${folder}/a && cat > ${folder}/a/checkpointed.pods && echo m > ${folder}/a/s.tar`,
          ],
          {
            input: list,
          },
        );
        assert.equal(made.status, 0);
        for (const compression of ['none', 'gzip', 'zstd']) {
          const output = join(folder, compression);
          const extracted = stasis('extract', '-t', join(folder, 'a'), '-o', output, '-c', compression);
          assert.deepEqual([extracted.status, extracted.stderr], [0, '']);
          const inserted = stasis('insert', '-i', output, '-t', join(folder, 'b'));
          assert.deepEqual([inserted.status, inserted.stdout, inserted.stderr], [0, '', '']);
        }
        assert.match(stasis('show', '-t', join(folder, 'b')).stdout, /\| i {5}\| true/);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    test('a reader that goes away ends it quietly, with the status of SIGPIPE', () => {
      const path = join(fixtures, 'crio-1.37-runc.tar');
      const quoted = command.map((word) => `'${word}'`).join(' ');
      const line = `${quoted} memparse -p 1 '${path}' | head -1 > /dev/null; echo "\${PIPESTATUS[0]}"`;
      const { stdout, stderr } = call(['bash', '-c', line]);
      assert.deepEqual([stdout, stderr], ['141\n', '']);
    });

    test('Bash completes commands, flags, values and files', () => {
      const script = `PATH=${root}/dist:$PATH
stasis() { ${command.map((word) => `'${word}'`).join(' ')} "$@"; }
source <(stasis completion bash)
complete_line() {
  COMP_LINE=$1 COMP_POINT=\${#1} COMP_TYPE=9 COMPREPLY=()
  read -ra COMP_WORDS <<< "$1"
  [[ $1 == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  compopt() { :; }
  _stasis_complete
  echo "\${COMPREPLY[@]}"
}
complete_line 'stasis ins'
complete_line 'stasis inspect --ps-tree-'
complete_line 'stasis inspect --format '
complete_line 'stasis crit '`;
      const { stdout, stderr } = call(['bash', '-c', script]);
      assert.deepEqual(
        [stderr, stdout],
        ['', 'insert inspect\n--ps-tree-cmd --ps-tree-env\ntree json\ndecode encode info show x\n'],
      );
    });
  });
}

describe('dist/stasis', {
  skip: existsSync(executable) ? false : 'dist/stasis is not built (make build)',
}, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stasis-alone-'));
    copyFileSync(executable, join(folder, 'stasis'));
    cpSync(join(fixtures, 'crio-1.37-runc.tar'), join(folder, 'checkpoint.tar'));
    symlinkSync('stasis', join(folder, 'checkpointctl'));
    call(['chmod', '-R', 'a+rX', folder]);
  });
  after(() => rmSync(folder, { recursive: true }));

  test('copied alone it works as anybody, with an empty PATH, without HOME, and under another name', () => {
    const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    for (const name of ['stasis', 'checkpointctl']) {
      const options = { env: { PATH: '' }, cwd: folder, ...nobody };
      const version = call([join(folder, name), '--version'], options);
      assert.match(version.stdout, new RegExp(`^${name} version \\d`));
      const inspected = call([join(folder, name), 'inspect', '--all', 'checkpoint.tar'], options);
      assert.deepEqual([inspected.status, inspected.stderr], [0, '']);
      assert.match(inspected.stdout, /\[21\] {2}sleep 0\.2/);
    }
  });

  test('what lies in the folder does not steer it', () => {
    call(
      [
        'bash',
        '-c',
        `printf 'STASIS_DEBUG=1\n' > .env; printf 'preload = ["./evil.ts"]\n' > bunfig.toml; echo 'console.log("evil")' > evil.ts`,
      ],
      {
        cwd: folder,
      },
    );
    const { stdout, stderr } = call([join(folder, 'stasis'), 'nope'], { cwd: folder });
    assert.deepEqual(
      [stdout, stderr],
      ['', `Error: unknown command "nope" for "stasis"\nRun 'stasis --help' for usage.\n`],
    );
  });
});
