import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { FileStore } from '../../src/localfs/file-store.ts';
import { fresh, judge, kill, killAll, leftovers, pause, type Running, someMore, start } from './running.ts';
import { state, stateOf } from './state.ts';

afterEach(killAll);

/** A file system of its own needs root and a mount namespace that nobody else sees. */
const mountable = process.env['STASIS_RUNTIME'] === '1' && process.getuid?.() === 0;
const needsMount = mountable
  ? {}
  : { skip: 'mounts file systems: runs in the throw-away machine (STASIS_RUNTIME=1)' };
const compiler = spawnSync('gcc', ['--version']).status === 0;
const needsCompiler = compiler ? {} : { skip: 'gcc is missing' };

async function onMount(options: string, work: (directory: string) => Promise<void>): Promise<void> {
  const directory = fresh();
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]);
  try {
    await work(directory);
  } finally {
    execFileSync('umount', ['-l', directory]);
  }
}

async function failuresOf(running: Running, wanted: number): Promise<void> {
  for (let i = 0; running.failures.length < wanted && i < 4000; i++) await pause(5);
  assert.ok(running.failures.length >= wanted, `${running.failures.length} failures`);
}

/** The state under the key is whole; its number. */
async function numberOf(directory: string, key: string): Promise<number> {
  const store = await FileStore.open(directory);
  return Number(state.decode(await store.read(key)).Number);
}

describe('FileStore on a full file system', () => {
  it(
    'keeps the old state while nothing fits, goes on when there is room, and leaves nothing behind',
    needsMount,
    (t) =>
      onMount('size=600k', async (directory) => {
        let writes = 0;
        let failures = 0;
        for (let round = 0; round < 4; round++) {
          const running = await start(directory, 2, `round ${round}`);
          await someMore(running, 10);
          const filler = join(directory, 'filler');
          assert.notEqual(
            spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k'], { stdio: 'ignore' }).status,
            0,
          );
          await failuresOf(running, 3);
          assert.match(running.failures.at(-1) ?? '', /no space left on device/);
          await kill(running);
          rmSync(filler);
          await judge(directory, running);
          writes += running.writes();
          failures += running.failures.length;
        }
        t.diagnostic(`${writes} writes done, ${failures} refused for lack of room, 4 kills`);
      }),
  );
});

describe('FileStore on a read-only file system', () => {
  it('refuses to write, still reads, and goes on when it is writable again', needsMount, () =>
    onMount('size=4m', async (directory) => {
      const running = await start(directory, 1, 'writer');
      await someMore(running, 5);
      // A read-only mount goes over it, made elsewhere: the kernel makes none of one where a file is open for writing.
      const aside = fresh();
      execFileSync('mount', ['--bind', directory, aside]);
      execFileSync('mount', ['-o', 'remount,bind,ro', aside]);
      execFileSync('mount', ['--move', aside, directory]);
      await failuresOf(running, 2);
      assert.match(running.failures.at(-1) ?? '', /read-only file system|readonly|unable to open/i);
      const before = running.done.get('key0') ?? 0;
      const store = await FileStore.open(directory);
      assert.equal(Number(state.decode(await store.read('key0')).Number), before);
      execFileSync('umount', ['-l', directory]);
      await someMore(running, 3);
      await kill(running);
      await judge(directory, running);
    }),
  );
});

describe('FileStore whose fsync fails', () => {
  for (const what of ['file', 'dir', 'all']) {
    it(`shows the state that was called done when the fsync of ${what} fails`, needsCompiler, async (t) => {
      const directory = fresh();
      const shim = join(fresh(), 'shim.so');
      const source = join(import.meta.dirname, 'failing-fsync.c');
      execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', shim, source, '-ldl']);
      const control = `${shim}.on`;
      const running = await start(directory, 1, 'writer', {
        ...process.env,
        LD_PRELOAD: shim,
        FAILING_FSYNC: control,
      });
      let failures = 0;
      for (let round = 0; round < 3; round++) {
        await someMore(running, 8);
        writeFileSync(control, what);
        const wanted = running.failures.length + 4;
        await failuresOf(running, wanted);
        assert.match(running.failures.at(-1) ?? '', /input\/output error/);
        // Nothing succeeds now, so what readers see is what was called done last; between a rename and the
        // failure that takes it back they may see the new state for a moment.
        const last = running.done.get('key0');
        let seen = await numberOf(directory, 'key0');
        for (let i = 0; i < 3000 && seen !== last; i++) {
          await pause(1);
          seen = await numberOf(directory, 'key0');
        }
        assert.equal(seen, last);
        rmSync(control);
        failures = running.failures.length;
      }
      await someMore(running, 3);
      await kill(running);
      await judge(directory, running);
      t.diagnostic(`${running.writes()} writes done, ${failures} failed`);
    });
  }
});

describe('FileStore', () => {
  it('leaves disk and memory alone when a directory stands where the file should be', async () => {
    const directory = fresh();
    const store = await FileStore.open(directory);
    mkdirSync(join(directory, 'key/inner'), { recursive: true });
    await assert.rejects(store.write('key', stateOf('w', 1, 'key')));
    assert.deepEqual(leftovers(directory), []);
    assert.deepEqual(readdirSync(join(directory, 'key')), ['inner']);
    assert.throws(() => readFileSync(join(directory, 'key')));
  });
});
