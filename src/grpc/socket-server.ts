import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { dirname } from 'node:path';
import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { privateFile } from '../localfs/atomic-file.ts';
import { makeDirectories } from '../localfs/make-directories.ts';

/** Longest path that a unix socket can have on Linux, in bytes. */
const longestPath = 107;
/** Largest request that is taken, in bytes, where nothing else is said: gRPC's usual limit. */
const usualLargest = 4 << 20;
/** Permission bits of the folders that Kubernetes keeps sockets in. */
const socketDirectory = 0o750;

export interface SocketServerOptions {
  /** Root alone can open the socket, from its first moment on. */
  private?: boolean;
  /** Bytes. */
  largestRequest?: number;
  /** Milliseconds that calls get to end when the server is closed; none where left out. */
  closeTime?: number;
}

export interface SocketServer {
  /** Lets calls end, then ends them, and takes the socket away. */
  close(): Promise<void>;
}

/**
 * Serves gRPC, and gRPC alone, on a unix socket, in place of what was there before.
 * @throws CodedError `invalid-argument` for a path that no socket can have, `unavailable` where listening fails
 */
export async function serveUnixSocket(
  path: string,
  routes: (router: ConnectRouter) => void,
  options: SocketServerOptions = {},
): Promise<SocketServer> {
  if (Buffer.byteLength(path) > longestPath) {
    throw new CodedError(
      'invalid-argument',
      `listening on ${path}: a socket’s path has at most ${longestPath} bytes`,
      { hint: 'choose a shorter one' },
    );
  }
  await makeDirectories(dirname(path), socketDirectory);
  rmSync(path, { force: true });
  const readMaxBytes = options.largestRequest ?? usualLargest;
  const server = createServer(
    connectNodeAdapter({ routes, grpc: true, grpcWeb: false, connect: false, readMaxBytes }),
  );
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    // What goes wrong with one client ends that client's session.
    session.on('error', () => undefined);
  });
  await listen(server, path, options.private === true);
  return { close: () => end(server, sessions, options.closeTime ?? 0) };
}

async function listen(server: Http2Server, path: string, alone: boolean): Promise<void> {
  // The socket comes into being with these permissions: at no moment can others open it.
  const before = alone ? process.umask(0o177) : undefined;
  try {
    await new Promise<void>((done, failed) => {
      server.once('error', failed);
      server.listen(path, () => done());
    });
  } catch (error) {
    throw new CodedError('unavailable', `listening on ${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    if (before !== undefined) process.umask(before);
  }
  if (alone) chmodSync(path, privateFile);
}

async function end(
  server: Http2Server,
  sessions: ReadonlySet<ServerHttp2Session>,
  closeTime: number,
): Promise<void> {
  const closed = new Promise((done) => server.close(done));
  const destroy = () => {
    for (const session of sessions) session.destroy();
  };
  if (closeTime === 0) destroy();
  else for (const session of sessions) session.close();
  const timer = setTimeout(destroy, closeTime);
  await closed;
  clearTimeout(timer);
}
