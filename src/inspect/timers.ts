import type { ItimerEntry, PosixTimerEntry, TaskTimersEntry } from '../gen/criu/task.ts';
import { clockName, signalName } from './linux-names.ts';

/** A timer of setitimer that is running. Seconds. */
export interface IntervalTimer {
  readonly kind: 'real' | 'virtual' | 'profiling';
  /** Until it goes off. */
  readonly remaining: number;
  /** Between one time and the next; 0 for once. */
  readonly interval: number;
}

/** A timer of timer_create. Seconds. */
export interface PosixTimer {
  readonly id: number;
  readonly clock: string;
  readonly notify: 'signal' | 'none' | 'thread' | 'thread-id' | 'unknown';
  readonly signal?: string;
  readonly value: bigint;
  readonly threadId?: number;
  readonly overrun: number;
  readonly remaining: number;
  readonly interval: number;
}

export interface Timers {
  readonly interval: readonly IntervalTimer[];
  readonly posix: readonly PosixTimer[];
}

/** The timers of a process that are set; `old` and `oldPosix` are the images that older sets have for them. */
export function timersOf(
  timers: TaskTimersEntry | undefined,
  old: readonly ItimerEntry[],
  oldPosix: readonly PosixTimerEntry[],
): Timers {
  const [real, virt, prof] = timers ? [timers.real, timers.virt, timers.prof] : old;
  const running = [
    intervalTimer('real', real),
    intervalTimer('virtual', virt),
    intervalTimer('profiling', prof),
  ];
  return {
    interval: running.filter((timer) => timer !== undefined),
    posix: (timers?.posix ?? oldPosix).map(posixTimer),
  };
}

function intervalTimer(
  kind: IntervalTimer['kind'],
  entry: ItimerEntry | undefined,
): IntervalTimer | undefined {
  if (!entry) return undefined;
  const remaining = Number(entry.vsec) + Number(entry.vusec) / 1e6;
  const interval = Number(entry.isec) + Number(entry.iusec) / 1e6;
  return remaining > 0 || interval > 0 ? { kind, remaining, interval } : undefined;
}

const notifications: Readonly<Record<number, PosixTimer['notify']>> = {
  0: 'signal',
  1: 'none',
  2: 'thread',
  4: 'thread-id',
};

function posixTimer(entry: PosixTimerEntry): PosixTimer {
  const notify = notifications[entry.it_sigev_notify] ?? 'unknown';
  return {
    id: entry.it_id,
    clock: clockName(entry.clock_id),
    notify,
    ...(notify !== 'none' && { signal: signalName(entry.si_signo) }),
    value: entry.sival_ptr,
    ...(entry.notify_thread_id !== undefined && { threadId: entry.notify_thread_id }),
    overrun: entry.overrun,
    remaining: Number(entry.vsec) + Number(entry.vnsec) / 1e9,
    interval: Number(entry.isec) + Number(entry.insec) / 1e9,
  };
}
