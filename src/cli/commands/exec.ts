import { channelMessage, channels, terminalSizeMessage } from '../../api/stream-channels.ts';
import type { WebSocket } from '../../stream/web-socket.ts';
import { defineCommand, UsageError } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { openDaemonStream, podNamed, printStream, statusOf } from '../daemon-stream.ts';

/** Bytes of one message. */
const pieceSize = 32 << 10;

export const exec = defineCommand({
  name: 'exec',
  operands: '[NAMESPACE/]POD -- COMMAND [ARG...]',
  short: 'Run a command in a container',
  long: `Runs a command in a running container of a pod on this node and ends with its exit status. With -i standard
input is handed to it, with -t it gets a terminal. A container runtime that speaks only version 4 of the protocol
(containerd does) cannot be told that the input has ended: a command that waits for that goes on waiting.`,
  examples: ['exec counters -- ps', 'exec -it default/my-redis -c redis -- /bin/sh'],
  flags: {
    ...daemonFlags,
    container: {
      kind: 'string',
      short: 'c',
      usage: 'the `NAME` of the container; the first of the pod where left out',
    },
    stdin: { kind: 'bool', short: 'i', usage: 'hand standard input to it' },
    tty: { kind: 'bool', short: 't', usage: 'give it a terminal' },
  },
  args: { min: 2 },
  complete: 'none',
  async run({ flags, args: [name = '', ...command], console }) {
    const { namespace, pod } = podNamed(name);
    const isTerminal = process.stdin.isTTY === true;
    if (flags.tty && flags.stdin && !isTerminal) {
      throw new UsageError('-t needs a terminal as standard input: leave it out, or -i');
    }
    const options = {
      ...{ command, stdin: flags.stdin, tty: flags.tty },
      ...(flags.container ? { container: flags.container } : {}),
    };
    const client = await daemonClient(flags);
    const path = await client.exec(namespace, pod, options, console.signal);
    const web = await openDaemonStream(flags, path, console.signal);
    console.signal.addEventListener('abort', () => web.destroy(), { once: true });
    const leave = flags.tty && flags.stdin ? enterTerminal(web) : () => {};
    if (flags.stdin) void sendInput(web);
    try {
      return statusOf(await printStream(web, console), 'running the command');
    } finally {
      leave();
    }
  },
});

/** What is typed goes to the command as it is, control characters too; it learns how large the terminal is. */
function enterTerminal(web: WebSocket): () => void {
  const { stdin, stdout } = process;
  const tell = () => {
    if (stdout.columns && stdout.rows) {
      void web.send(terminalSizeMessage({ columns: stdout.columns, rows: stdout.rows }));
    }
  };
  stdin.setRawMode(true);
  stdout.on('resize', tell);
  tell();
  return () => {
    stdout.off('resize', tell);
    stdin.setRawMode(false);
  };
}

async function sendInput(web: WebSocket): Promise<void> {
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    for (let at = 0; at < piece.length; at += pieceSize) {
      await web.send(channelMessage(channels.stdin, piece.subarray(at, at + pieceSize)));
    }
  }
  // Version 4 has no way to say that the input has ended.
  if (web.protocol.startsWith('v5.'))
    await web.send(channelMessage(channels.close, new Uint8Array([channels.stdin])));
}
