import type { StreamEnd } from '../api/stream-channels.ts';
import { UsageError } from './command.ts';
import type { Console } from './console.ts';
import type { DaemonFlags } from './daemon-client.ts';
import { openDaemonStream, printStream } from './daemon-stream.ts';
import { enterTerminal, sendInput } from './terminal-input.ts';

/** The flag of every command that is about one container of a pod. */
export const containerFlag = {
  container: {
    kind: 'string',
    short: 'c',
    usage: 'the `NAME` of the container; the first of the pod where left out',
  },
} as const;

interface StreamFlags extends DaemonFlags {
  container: string | undefined;
  stdin: boolean;
  tty: boolean;
}

/** What a daemon is asked to grant. @throws UsageError where there is no terminal to hand on */
export function streamOptions({ container, stdin, tty }: StreamFlags): {
  container?: string;
  stdin: boolean;
  tty: boolean;
} {
  if (tty && stdin && process.stdin.isTTY !== true) {
    throw new UsageError('-t needs a terminal as standard input: leave it out, or -i');
  }
  return { stdin, tty, ...(container ? { container } : {}) };
}

/** Hands on what is typed and prints what comes, until the stream that was granted ends; says how, if that is known. */
export async function throughStream(
  flags: StreamFlags,
  path: string,
  console: Console,
): Promise<StreamEnd | undefined> {
  const web = await openDaemonStream(flags, path, console.signal);
  console.signal.addEventListener('abort', () => web.destroy(), { once: true });
  const leave = flags.tty && flags.stdin ? enterTerminal(web) : () => {};
  if (flags.stdin) void sendInput(web);
  try {
    return await printStream(web, console);
  } finally {
    leave();
  }
}
