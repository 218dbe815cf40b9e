import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { FileStore } from '../../src/localfs/file-store.ts';
import { state } from './state.ts';

const children = new Set<ChildProcess>();
// A writer whose test has failed ends too; while it runs, so does the process of the tests.
after(() => {
  for (const child of children) child.kill('SIGKILL');
});

const writer = join(import.meta.dirname, 'writer.ts');

const writers = new Set<ChildProcess>();

/** A writer at work, and what it has said. */
export interface Running {
  child: ChildProcess;
  /** Number of the last write of each key that was called done. */
  done: Map<string, number>;
  writes(): number;
  failures: string[];
}

export async function start(
  directory: string,
  keys: number,
  name: string,
  env = process.env,
): Promise<Running> {
  const child = spawn(process.execPath, [writer, directory, String(keys), name], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  });
  children.add(child);
  writers.add(child);
  const done = new Map<string, number>();
  const failures: string[] = [];
  let count = 0;
  let rest = '';
  const ready = new Promise<void>((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [key = '', number] = line.split(' ');
        if (key === 'ready') resolve();
        else if (key === 'failed') failures.push(line);
        else {
          count++;
          done.set(key, Number(number));
        }
      }
    });
  });
  await Promise.race([ready, once(child, 'exit')]);
  return { child, done, writes: () => count, failures };
}

/** Ends writers that a failed test has left at work; for an `afterEach`. */
export async function killAll(): Promise<void> {
  for (const child of writers) await kill({ child });
}

export async function kill({ child }: Pick<Running, 'child'>): Promise<void> {
  writers.delete(child);
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
}

/** Waits until the writer has done some more writes, and then for a moment in the middle of one. */
export async function someMore(running: Running, writes: number): Promise<void> {
  const goal = running.writes() + writes;
  while (running.writes() < goal && running.child.exitCode === null) await pause(1);
  await pause(Math.random() * 4);
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Temporary files in the directory. */
export function leftovers(directory: string): string[] {
  return readdirSync(directory).filter((name) => /^\.(stasis-)?[0-9]+$/.test(name));
}

/**
 * What a reader sees after the writer's death: whole states, each the last one that was called done or the one
 * that was being written; and nothing else after the store has been opened again.
 */
export async function judge(directory: string, running: Running): Promise<void> {
  const store = await FileStore.open(directory);
  for (const key of await store.list()) {
    const value = state.decode(await store.read(key));
    const last = running.done.get(key) ?? 0;
    assert.equal(value.Key, key);
    // The write after the last one that was reported may have come through, and its report not.
    assert.ok(Number(value.Number) >= last, `${key} is at ${value.Number}, ${last} was called done`);
  }
  for (const key of running.done.keys()) assert.ok((await store.list()).includes(key));
  assert.deepEqual(leftovers(directory), []);
}

const directories: string[] = [];
export function fresh(): string {
  const directory = mkdtempSync(join(tmpdir(), 'kill-'));
  directories.push(directory);
  return directory;
}
process.on('exit', () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});
