import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { folderFor, needsRuntime, project, runFor, startFor, until } from './runtime.ts';

/** Here a machine is made inside the machine that runs the tests, over its own root. */
const script = join(project, 'scripts/runtime-root');

/** The script with its machines kept in a folder of the test's own. */
function machines(t: TestContext): { state: string; run: (...args: string[]) => ReturnType<typeof runFor> } {
  const state = folderFor(t, 'machines');
  const env = { ...process.env, STASIS_RUNTIME_STATE: state };
  return { state, run: (...args) => runFor(t, script, args, { env }) };
}

/** The mounts that are machines' of this test; others come and go beside it. */
function mounts(state: string): string[] {
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(state) || line.startsWith('left '));
}

function hasCgroup(machine: string): boolean {
  return existsSync(`/sys/fs/cgroup/stasis-${machine}`);
}

/** The processes that have all these words among their arguments. */
function processes(...words: string[]): number[] {
  const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return numbers.map(Number).filter((pid) => {
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words.every((word) => args.includes(word));
    } catch {
      return false; // it has ended since
    }
  });
}

const runs = (word: string): boolean => processes(word).length > 0;

test('runtime-root run: streams and exit status are those of the command', needsRuntime, async (t) => {
  const { run, state } = machines(t);
  const good = await run('run', '--', 'sh', '-c', 'echo out; echo err >&2');
  assert.deepEqual(good, { status: 0, stdout: 'out\n', stderr: 'err\n' });
  assert.equal((await run('run', 'sh', '-c', 'exit 7')).status, 7);
  assert.equal((await run('run', 'sh', '-c', 'kill -9 $$')).status, 137);
  assert.deepEqual(mounts(state), []);
  assert.deepEqual(readdirSync(join(state, 'machines')), []);
});

test('runtime-root run: what is written outside the project is forgotten', needsRuntime, async (t) => {
  const { run } = machines(t);
  assert.equal((await run('run', 'sh', '-c', 'echo x > /usr/written; echo x > /tmp/written')).status, 0);
  const after = await run(
    'run',
    'sh',
    '-c',
    'ls /usr/written /tmp/written; ip -brief link; hostname; ls package.json',
  );
  assert.match(after.stderr, /\/usr\/written.*No such file/);
  assert.match(after.stderr, /\/tmp\/written.*No such file/);
  assert.match(after.stdout, /^lo /);
  assert.match(after.stdout, /package\.json/);
});

test('runtime-root run: nothing is left when it is killed, with what it started', needsRuntime, async (t) => {
  const { state } = machines(t);
  const env = { ...process.env, STASIS_RUNTIME_STATE: state };
  const word = `left-over-${process.pid}`;
  // a veth pair, an orphan in a session of its own, a mount and a cgroup: all that a runtime could leave
  const mess = [
    'ip link add left0 type veth peer name left1',
    'mount -t tmpfs left /mnt',
    'mkdir -p /sys/fs/cgroup/left/below',
    `setsid sh -c 'sleep 1000' ${word} & echo up; sleep 1000`,
  ];
  const killed = startFor(t, script, ['run', '--name', 'killed', '--', 'sh', '-c', mess.join('; ')], { env });
  await until('the machine to be up', () => runs(word));
  killed.kill('SIGKILL');
  await until('its processes to end', () => !runs(word));
  await until('its folder and cgroup to go', () => {
    return readdirSync(join(state, 'machines')).length === 0 && !hasCgroup('killed');
  });
  assert.deepEqual(mounts(state), []);
});

test('runtime-root: the next start removes what a killed keeper left', needsRuntime, async (t) => {
  const { state, run } = machines(t);
  const env = { ...process.env, STASIS_RUNTIME_STATE: state };
  const word = `kept-${process.pid}`;
  const killed = startFor(t, script, ['run', '--name', 'dead', '--', 'sh', '-c', 'sleep 1000', word], {
    env,
  });
  const alive = await run('start', 'alive');
  assert.equal(alive.status, 0, alive.stderr);
  await until('the machine to be up', () => runs(word));
  for (const keeper of processes('keep', 'dead')) process.kill(keeper, 'SIGKILL');
  killed.kill('SIGKILL');
  // its first process holds the lock for as long as the kernel takes to end it
  await until('the machine to end', async () => !(await run('list')).stdout.includes('dead'));
  assert.ok(!runs(word));
  assert.deepEqual(readdirSync(join(state, 'machines')).sort(), ['alive', 'dead']);
  assert.equal((await run('run', 'true')).status, 0);
  assert.deepEqual(readdirSync(join(state, 'machines')), ['alive']);
  assert.ok(hasCgroup('alive') && !hasCgroup('dead'));
  assert.match((await run('list')).stdout, /^alive\tpid \d+\n$/);
  assert.equal((await run('exec', 'alive', 'sh', '-c', 'exit 3')).status, 3);
  assert.equal((await run('stop', 'alive')).status, 0);
  assert.ok(!hasCgroup('alive'));
});

test('runtime-root run: SIGTERM reaches the command, which may end as it likes', needsRuntime, async (t) => {
  const env = { ...process.env, STASIS_RUNTIME_STATE: folderFor(t, 'machines') };
  const ready = join(folderFor(t, 'project'), 'ready');
  writeFileSync(ready, '');
  const body = `trap 'echo ended; exit 5' TERM; echo up > ${ready}; while :; do sleep 0.1; done`;
  const child = startFor(t, script, ['run', '--bind', ready, '--', 'sh', '-c', body], { env });
  let said = '';
  child.stdout?.on('data', (part) => {
    said += part;
  });
  await until('the command to be ready', () => readFileSync(ready, 'utf8') === 'up\n');
  const status = new Promise((done) => child.once('close', done));
  child.kill('SIGTERM');
  assert.equal(await status, 5);
  assert.equal(said, 'ended\n');
});

test('runtime-root: wrong use is said in one line', needsRuntime, async (t) => {
  const { run } = machines(t);
  const cases: [string[], RegExp][] = [
    [['exec', 'nobody', 'true'], /^runtime-root: no machine named nobody is running\n$/],
    [['stop', 'nobody'], /^runtime-root: no machine named nobody is running\n$/],
    [['start', '../up'], /^runtime-root: not a machine's name: '\.\.\/up'/],
    [['run'], /^runtime-root: run wants a command/],
    [['run', '--bind', '/no/such/path', 'true'], /^runtime-root: --bind: there is no \/no\/such\/path\n$/],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = await run(...args);
    assert.equal(status, 1, args.join(' '));
    assert.match(stderr, message);
  }
});
