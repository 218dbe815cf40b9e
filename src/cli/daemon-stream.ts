import { channels, endIn, type StreamEnd, streamProtocols } from '../api/stream-channels.ts';
import type { WebSocket } from '../stream/web-socket.ts';
import { CommandError } from './command.ts';
import type { Console } from './console.ts';
import { type DaemonFlags, daemonTarget, partsOf } from './daemon-client.ts';
import { printable } from './output/escape.ts';

/** Opens a stream that the daemon has granted. */
export async function openDaemonStream(
  flags: DaemonFlags,
  path: string,
  signal: AbortSignal,
): Promise<WebSocket> {
  const [{ tlsConnection }, { requestUpgrade }] = await Promise.all([
    import('../kube/https-send.ts'),
    import('../stream/upgrade.ts'),
  ]);
  const target = await daemonTarget(flags);
  const socket = await tlsConnection(target, signal);
  const { host } = new URL(target.server);
  return requestUpgrade(socket, { host, path, protocols: streamProtocols }, signal);
}

/** Prints what comes, and says how it ended; undefined where the connection ended first. */
export async function printStream(web: WebSocket, { out, err }: Console): Promise<StreamEnd | undefined> {
  let end: StreamEnd | undefined;
  for await (const message of web.messages()) {
    const content = message.subarray(1);
    if (message[0] === channels.stdout) out.write(content);
    else if (message[0] === channels.stderr) err.write(content);
    else if (message[0] === channels.status) end = endIn(content);
    // A terminal, or a pipe that somebody follows, does not wait for a full buffer.
    if (content.length > 0) out.flush();
  }
  return end;
}

/** `namespace/pod`, or `pod` of the namespace default. */
export function podNamed(text: string): { namespace: string; pod: string } {
  if (!text.includes('/')) return { namespace: 'default', pod: text };
  const [namespace = '', pod = ''] = partsOf(text, 'namespace', 'pod');
  return { namespace, pod };
}

/** The exit status that the end of a stream gives. @throws CommandError where it failed */
export function statusOf(end: StreamEnd | undefined, what: string): number {
  if (end === undefined) {
    throw new CommandError(`${what}: the connection ended before it`, { code: 'unavailable', status: 1 });
  }
  if ('failure' in end) throw new CommandError(printable(end.failure), { code: 'internal', status: 1 });
  return end.exitCode;
}
