import { lstat, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { ImageService } from '../gen/cri/v1/api_pb.ts';
import { serveUnixSocket } from '../grpc/socket-server.ts';
import { privateDirectory } from '../localfs/atomic-file.ts';
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
    cni: settings.cni,
    version,
    log: (line) => log('info', line, { from: 'runtime' }),
    hooks: checkpointHooks(),
  });
  try {
    await takeImages(runtime, settings.images);
    await clearSocket(settings.socket);
    const server = await serveUnixSocket(settings.socket, (router) => runtime.routes(router), {
      private: true,
      largestRequest,
      closeTime,
    });
    log('info', 'the container runtime is served', { socket: settings.socket });
    return {
      async close() {
        await server.close();
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
