import { chmod, lstat, rm } from 'node:fs/promises';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { ImageService } from '../gen/cri/v1/api_pb.ts';
import { privateDirectory, privateFile } from '../localfs/atomic-file.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import type { Log } from '../pods/node-pods.ts';
import { createBuiltinRuntime, type OpenRuntime } from '../runtime/builtin/builtin-runtime.ts';
import { checkpointHooks } from '../runtime/builtin/checkpoint-hooks.ts';
import type { CriSettings } from './cri-flags.ts';

/** Largest request that is taken, in bytes: the kubelet's own limit. */
const largestRequest = 16 << 20;
/** Milliseconds that calls get to end when we stop. */
const closeTime = 10_000;

/** The built-in runtime while it is served. */
export interface CriServer {
  /** Stops serving and lets go of the containers, which go on. */
  close(): Promise<void>;
}

/**
 * Serves the built-in runtime on a unix socket that root alone can open. Whoever can open it is root of the node.
 * @throws CodedError `failed-precondition` where another process has the runtime or the socket
 */
export async function serveCri(settings: CriSettings, version: string, log: Log): Promise<CriServer> {
  const runtime = await createBuiltinRuntime({
    root: settings.runtimeRoot,
    state: settings.runtimeState,
    runtime: settings.ociRuntime,
    version,
    log: (line) => log('info', line, { from: 'runtime' }),
    hooks: checkpointHooks(),
  });
  try {
    await takeImages(runtime, settings.images);
    await clearSocket(settings.socket);
    const sessions = new Set<ServerHttp2Session>();
    const server = await listenOn(settings.socket, runtime, sessions);
    log('info', 'the container runtime is served', { socket: settings.socket });
    return {
      async close() {
        await endServer(server, sessions);
        await runtime.close();
        log('info', 'the container runtime has stopped, its containers go on');
      },
    };
  } catch (error) {
    await runtime.close();
    throw error;
  }
}

async function takeImages(runtime: OpenRuntime, images: readonly string[]): Promise<void> {
  const service = createClient(
    ImageService,
    createRouterTransport((router) => runtime.routes(router)),
  );
  for (const image of images) {
    await service.pullImage({ image: { image } }).catch((error: unknown) => {
      throw new CodedError('invalid-argument', `--image ${image}: ${messageOf(error)}`);
    });
  }
}

/** Removes the socket of a process that was killed, and nothing else. */
async function clearSocket(path: string): Promise<void> {
  await makeDirectories(dirname(path), privateDirectory);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new CodedError('failed-precondition', `${path} is there already, and is no socket`, {
      hint: 'name another place with --listen',
    });
  }
  if (await answers(path)) {
    throw new CodedError('failed-precondition', `another process serves on ${path}`, {
      hint: 'end it, or name another place with --listen',
    });
  }
  await rm(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}

async function listenOn(
  path: string,
  runtime: OpenRuntime,
  sessions: Set<ServerHttp2Session>,
): Promise<Http2Server> {
  const server = createServer(
    connectNodeAdapter({
      routes: (router) => runtime.routes(router),
      ...{ connect: false, grpcWeb: false, readMaxBytes: largestRequest },
    }),
  );
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  // The socket comes into being with these permissions: at no moment can others open it.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(path, () => done());
    });
  } catch (error) {
    throw new CodedError('unavailable', `listening on ${path}: ${messageOf(error)}`, { cause: error });
  } finally {
    process.umask(before);
  }
  await chmod(path, privateFile);
  return server;
}

async function endServer(server: Http2Server, sessions: ReadonlySet<ServerHttp2Session>): Promise<void> {
  const closed = new Promise((done) => server.close(done));
  for (const session of sessions) session.close();
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy();
  }, closeTime);
  await closed;
  clearTimeout(timer);
}
