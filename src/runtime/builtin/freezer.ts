import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../../errors/coded-error.ts';

export interface FreezeOptions {
  signal?: AbortSignal | undefined;
  /** Milliseconds for one freeze to be complete. */
  freezeMs?: number;
  /** Milliseconds in all to find a moment in which no task waits in the kernel. */
  searchMs?: number;
}

export interface Frozen {
  /** How often the cgroup was frozen until a good moment was found; 1 is the rule. */
  attempts: number;
  /** `performance.now()` when the freeze that was kept was asked for. */
  since: number;
}

/**
 * The folder of the cgroup (version 2) in which a process is.
 * @throws CodedError `failed-precondition` when the process is gone or has only version 1 hierarchies.
 */
export async function cgroupOf(pid: number): Promise<string> {
  const own = await cgroupPath(pid);
  const mount = await cgroupMount();
  const path = own.startsWith(mount.root) ? own.slice(mount.root.length) : own;
  return join(mount.point, path);
}

/**
 * Freezes exactly this cgroup and finds it in a state in which CRIU can seize every task.
 *
 * A task that waits in vfork for its child is uninterruptible (D) once frozen; CRIU would stall for its full
 * ten seconds, the application frozen all the while, and fail. So the tasks are looked at, and when one is in
 * that state the cgroup is thawed for a few milliseconds and frozen again. The pause grows from nothing to
 * nine milliseconds, so that it does not keep step with a loop that forks at a fixed rate.
 *
 * On return the cgroup is frozen. On any error it has been thawed.
 * @throws CodedError `failed-precondition` when no good moment was found, `deadline-exceeded` when it does not
 *   freeze, `cancelled`.
 */
export async function freezeForDump(cgroup: string, options: FreezeOptions = {}): Promise<Frozen> {
  const { searchMs = 15_000 } = options;
  const end = performance.now() + searchMs;
  try {
    for (let attempts = 1; ; attempts++) {
      const since = performance.now();
      await freeze(cgroup, options);
      const stuck = await stuckTask(cgroup);
      if (stuck === undefined) return { attempts, since };
      await thaw(cgroup);
      if (performance.now() > end) {
        throw new CodedError(
          'failed-precondition',
          `freezing ${cgroup}: in ${attempts} attempts a task was always waiting in the kernel (${stuck}); such a task cannot be dumped`,
          { data: { cgroup, attempts }, hint: 'try again when it starts fewer processes' },
        );
      }
      await sleep(attempts % 10);
    }
  } catch (error) {
    await thaw(cgroup);
    throw error;
  }
}

/** Asks the kernel to freeze and waits until it says that every task is. */
async function freeze(cgroup: string, options: FreezeOptions): Promise<void> {
  const { signal, freezeMs = 5_000 } = options;
  await writeControl(cgroup, 'cgroup.freeze', '1');
  await untilFrozen(cgroup, freezeMs, signal);
}

/** Waits until the kernel says that every task is frozen, whoever asked for that. */
export async function untilFrozen(cgroup: string, freezeMs: number, signal?: AbortSignal): Promise<void> {
  const end = performance.now() + freezeMs;
  for (;;) {
    if (signal?.aborted) throw new CodedError('cancelled', `freezing ${cgroup} was cancelled`);
    const events = readFileSync(join(cgroup, 'cgroup.events'), 'latin1');
    if (/^frozen 1$/m.test(events)) return;
    if (/^populated 0$/m.test(events)) {
      throw new CodedError('failed-precondition', `freezing ${cgroup}: no process is left in it`);
    }
    if (performance.now() > end) {
      throw new CodedError('deadline-exceeded', `freezing ${cgroup}: not frozen after ${freezeMs} ms`);
    }
    await sleep(0);
  }
}

/** Lets the cgroup run again and makes sure that it does. A cgroup that is gone needs nothing. */
export async function thaw(cgroup: string): Promise<void> {
  try {
    await writeFile(join(cgroup, 'cgroup.freeze'), '0');
    if ((await readFile(join(cgroup, 'cgroup.freeze'), 'latin1')).trim() === '0') return;
  } catch (error) {
    if (isGone(error)) return;
    throw new CodedError('internal', `thawing ${cgroup}: ${(error as Error).message}`, { cause: error });
  }
  throw new CodedError('internal', `thawing ${cgroup}: it says it is to stay frozen`, {
    hint: `look at ${join(cgroup, 'cgroup.freeze')}`,
  });
}

/** Whether the cgroup has been asked to be frozen; one that is gone is not. */
export async function isFrozen(cgroup: string): Promise<boolean> {
  try {
    return (await readFile(join(cgroup, 'cgroup.freeze'), 'latin1')).trim() === '1';
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** How often tasks are looked at again that are on their way to sleep. */
const mostLooks = 100;

/**
 * A thread of the frozen cgroup that is uninterruptible: its number and name. A task counts as frozen a moment
 * before it sleeps in vfork, so one that still seems to run is looked at again.
 * @throws CodedError `failed-precondition` for one that is being traced: CRIU would wait ten seconds for it.
 */
export async function stuckTask(cgroup: string): Promise<string | undefined> {
  for (let looks = 1; ; looks++) {
    let moving: string | undefined;
    for (const tid of threadsOf(cgroup)) {
      const task = readTask(tid);
      if (task === undefined) continue;
      if (task.tracer !== '0') throw traced(cgroup, tid, task);
      if (task.state === 'D') return `${tid} ${task.name}`;
      if (task.state === 'R') moving = `${tid} ${task.name}`;
    }
    if (moving === undefined || looks === mostLooks) return moving;
    await sleep(0);
  }
}

interface Task {
  name: string;
  /** One letter, as in /proc. */
  state: string;
  tracer: string;
}

function readTask(tid: string): Task | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${tid}/status`, 'latin1');
  } catch {
    return undefined;
  }
  return {
    name: /^Name:\t(.*)$/m.exec(status)?.[1] ?? '',
    state: /^State:\t(\w)/m.exec(status)?.[1] ?? '',
    tracer: /^TracerPid:\t(\d+)$/m.exec(status)?.[1] ?? '0',
  };
}

function traced(cgroup: string, tid: string, { name, tracer }: Task): CodedError {
  return new CodedError(
    'failed-precondition',
    `freezing ${cgroup}: process ${tid} (${name}) is being traced by process ${tracer}, so CRIU cannot stop it`,
    { hint: 'detach the debugger or tracer' },
  );
}

/** The threads of a cgroup and of those below it, which a container may have made for itself. */
function* threadsOf(cgroup: string): Generator<string> {
  for (const tid of readFileSync(join(cgroup, 'cgroup.threads'), 'latin1').split('\n')) {
    if (tid !== '') yield tid;
  }
  for (const entry of readdirSync(cgroup, { withFileTypes: true })) {
    if (entry.isDirectory()) yield* threadsOf(join(cgroup, entry.name));
  }
}

async function writeControl(cgroup: string, name: string, value: string): Promise<void> {
  try {
    await writeFile(join(cgroup, name), value);
  } catch (error) {
    if (isGone(error)) {
      throw new CodedError('failed-precondition', `writing ${name} of ${cgroup}: the cgroup is gone`, {
        cause: error,
      });
    }
    throw new CodedError('internal', `writing ${name} of ${cgroup}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENODEV';
}

async function cgroupPath(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    throw new CodedError('failed-precondition', `process ${pid} is gone`, { cause: error });
  });
  const path = /^0::(.*)$/m.exec(text)?.[1];
  if (path !== undefined) return path;
  throw new CodedError('failed-precondition', `process ${pid} is in no cgroup of version 2`, {
    hint: 'boot with systemd.unified_cgroup_hierarchy=1',
  });
}

/** Where the version 2 hierarchy is mounted, and which part of it is seen there. */
async function cgroupMount(): Promise<{ point: string; root: string }> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    if (!after.startsWith('cgroup2 ')) continue;
    const [, , , root = '/', point = '/'] = before.split(' ');
    return { point, root: root === '/' ? '' : root };
  }
  throw new CodedError('failed-precondition', 'no cgroup hierarchy of version 2 is mounted', {
    hint: 'mount -t cgroup2 none /sys/fs/cgroup',
  });
}
