import { rmSync } from 'node:fs';
import { createServer, type ServerHttp2Session } from 'node:http2';
import { dirname } from 'node:path';
import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { makeDirectories } from '../localfs/make-directories.ts';

/** Longest path that a unix socket can have on Linux, in bytes. */
const longestPath = 107;
/** Largest request that is taken, in bytes: gRPC's usual limit. */
const largestRequest = 4 << 20;
/** Permission bits of the folders that Kubernetes keeps sockets in. */
const socketDirectory = 0o750;

export interface SocketServer {
  /** Ends every call, and takes the socket away. */
  close(): Promise<void>;
}

/**
 * Serves gRPC, and gRPC alone, on a unix socket, in place of what was there before.
 * @throws CodedError `invalid-argument` for a path that no socket can have, `unavailable` where listening fails
 */
export async function serveUnixSocket(
  path: string,
  routes: (router: ConnectRouter) => void,
): Promise<SocketServer> {
  if (Buffer.byteLength(path) > longestPath) {
    throw new CodedError(
      'invalid-argument',
      `listening on ${path}: a socket’s path has at most ${longestPath} bytes`,
      { hint: 'choose a shorter root directory' },
    );
  }
  await makeDirectories(dirname(path), socketDirectory);
  rmSync(path, { force: true });
  const adapter = connectNodeAdapter({
    routes,
    grpc: true,
    grpcWeb: false,
    connect: false,
    readMaxBytes: largestRequest,
  });
  const server = createServer(adapter);
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    // What goes wrong with one client ends that client's session.
    session.on('error', () => undefined);
  });
  await new Promise<void>((done, failed) => {
    server.once('error', (error) =>
      failed(new CodedError('unavailable', `listening on ${path}: ${messageOf(error)}`, { cause: error })),
    );
    server.listen(path, done);
  });
  return {
    close() {
      for (const session of sessions) session.destroy();
      return new Promise((done) => server.close(() => done()));
    },
  };
}
