import type { FileEntry } from '../gen/criu/files.ts';
import { bitNames, clockName, epollBits, inotifyBits, openFlags, signalSet } from './linux-names.ts';

/** What an epoll instance waits for. */
export interface EpollTarget {
  /** A descriptor of the process that added it. */
  readonly fd: number;
  readonly events: readonly string[];
  /** Given back with the event. */
  readonly data: bigint;
}

export interface Watch {
  /** Where CRIU could find out; else the inode tells. */
  readonly path?: string;
  readonly inode: number;
  readonly events: readonly string[];
  readonly descriptor?: number;
}

/** A file that delivers events. */
export type EventFile =
  | {
      readonly kind: 'eventfd';
      readonly counter: number;
      readonly flags: readonly string[];
    }
  | { readonly kind: 'epoll'; readonly targets: readonly EpollTarget[] }
  | { readonly kind: 'signalfd'; readonly signals: readonly string[]; readonly flags: readonly string[] }
  | {
      readonly kind: 'timerfd';
      readonly clock: string;
      /** Seconds until it goes off; 0 while it is not set. */
      readonly remaining: number;
      readonly interval: number;
      /** Times that it went off and nobody read it. */
      readonly ticks: number;
      readonly flags: readonly string[];
    }
  | {
      readonly kind: 'inotify' | 'fanotify';
      readonly watches: readonly Watch[];
      readonly flags: readonly string[];
    };

/** The facts about an event file, or undefined for any other. */
export function eventFile({ efd, epfd, sgfd, tfd, ify, ffy }: FileEntry): EventFile | undefined {
  if (efd) {
    return { kind: 'eventfd', counter: Number(efd.counter), flags: openFlags(efd.flags) };
  }
  if (epfd) {
    const targets = epfd.tfd.map(({ tfd: fd, events, data }) => ({
      fd,
      events: bitNames(events, epollBits),
      data,
    }));
    return { kind: 'epoll', targets };
  }
  if (sgfd) return { kind: 'signalfd', signals: signalSet(sgfd.sigmask), flags: openFlags(sgfd.flags) };
  if (tfd) {
    return {
      kind: 'timerfd',
      clock: clockName(tfd.clockid),
      remaining: Number(tfd.vsec) + Number(tfd.vnsec) / 1e9,
      interval: Number(tfd.isec) + Number(tfd.insec) / 1e9,
      ticks: Number(tfd.ticks),
      flags: openFlags(tfd.flags),
    };
  }
  if (ify) {
    const watches = ify.wd.map(({ wd, i_ino, mask, f_handle }) => ({
      ...(f_handle.path !== undefined && { path: f_handle.path }),
      ...{ inode: Number(i_ino), events: bitNames(mask, inotifyBits), descriptor: wd },
    }));
    return { kind: 'inotify', watches, flags: openFlags(ify.flags) };
  }
  if (!ffy) return undefined;
  const watches = ffy.mark.map(({ ie, me, mask }) => ({
    ...(me?.path !== undefined && { path: me.path }),
    ...(ie?.f_handle?.path !== undefined && { path: ie.f_handle.path }),
    ...{ inode: Number(ie?.i_ino ?? 0n), events: bitNames(mask, inotifyBits) },
  }));
  return { kind: 'fanotify', watches, flags: openFlags(ffy.flags) };
}
