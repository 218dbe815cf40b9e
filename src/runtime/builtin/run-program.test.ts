import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoded } from '../../errors/coded-error.ts';
import { runProgram } from './run-program.ts';

test('runProgram hands arguments on untouched and returns status and both streams', async () => {
  const script = 'printf "%s|" "$@"; echo err >&2; exit 3';
  const run = await runProgram('/bin/sh', ['-c', script, 'sh', 'a b', '$(id)', '']);
  assert.deepEqual(run, {
    status: 3,
    signal: undefined,
    stdout: 'a b|$(id)||',
    stdoutBytes: Buffer.from('a b|$(id)||'),
    stderr: 'err\n',
    stderrBytes: Buffer.from('err\n'),
    truncated: false,
  });
});

test('runProgram feeds standard input, and a program that does not read it is no error', async () => {
  const read = await runProgram('/bin/cat', [], { stdin: 'given' });
  assert.equal(read.stdout, 'given');
  const unread = await runProgram('/bin/true', [], { stdin: new Uint8Array(1 << 20) });
  assert.equal(unread.status, 0);
});

test('runProgram bounds what it keeps of the output', async () => {
  const run = await runProgram('/bin/sh', ['-c', 'head -c 100000 /dev/zero'], { maxOutput: 1000 });
  assert.equal(run.stdout.length, 1000);
  assert.equal(run.truncated, true);
});

test('runProgram kills the whole process group at the deadline', async () => {
  const script = 'sleep 1000 & echo $!; echo waiting >&2; wait';
  const file = `/tmp/run-program-${process.pid}`;
  const run = runProgram('/bin/sh', ['-c', `{ ${script}; } > ${file}`], { timeoutMs: 300 });
  await assert.rejects(run, (error) => {
    assert.ok(isCoded(error, 'deadline-exceeded'));
    assert.match(error.message, /\/bin\/sh did not end within 300 ms; it last said: waiting/);
    return true;
  });
  const { readFile, rm } = await import('node:fs/promises');
  const pid = Number(await readFile(file, 'utf8'));
  await rm(file);
  assert.ok(!(await runs(pid)));
});

test('runProgram ends with `cancelled` when the signal aborts, also before the start', async () => {
  const abort = new AbortController();
  const run = runProgram('/bin/sleep', ['1000'], { signal: abort.signal });
  setTimeout(() => abort.abort(), 50);
  await assert.rejects(run, (error) => isCoded(error, 'cancelled'));
  await assert.rejects(runProgram('/bin/true', [], { signal: abort.signal }), (error) =>
    isCoded(error, 'cancelled'),
  );
});

test('runProgram does not wait for a process that was left behind with the pipes', async () => {
  const run = await runProgram('/bin/sh', ['-c', 'sleep 1000 & echo $!']);
  const pid = Number(run.stdout);
  assert.ok(await runs(pid));
  process.kill(pid, 'SIGKILL');
});

test('runProgram names the package of a program that is missing, and a missing working directory', async () => {
  const env = { PATH: '/nonexistent' };
  await assert.rejects(runProgram('criu', ['check'], { env }), (error) => {
    assert.ok(isCoded(error, 'failed-precondition'));
    assert.equal(error.message, 'the program criu is not installed');
    assert.equal(error.hint, 'install the package criu (Debian: apt-get install criu)');
    return true;
  });
  await assert.rejects(runProgram('/bin/true', [], { cwd: '/nonexistent/dir' }), /working directory/);
});

/** Whether the process runs; a zombie that nobody has reaped does not. */
async function runs(pid: number): Promise<boolean> {
  const { readFile } = await import('node:fs/promises');
  for (let tries = 0; ; tries++) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
    const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    if (state === '' || state === 'Z') return false;
    if (tries === 20) return true;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
