import { setTimeout as sleep } from 'node:timers/promises';
import type { Interceptor, Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { CodedError } from '../errors/coded-error.ts';
import { SocketSession, whyNoAnswer } from './socket-session.ts';

/** Largest message that is taken, in bytes: the limit of the kubelet's connection to a container runtime. */
const largestMessage = 16 << 20;
/** Milliseconds between two attempts to reach somebody who does not answer yet. */
const retryInterval = 100;

/** A connection for gRPC over a unix socket. */
export interface SocketConnection {
  transport: Transport;
  close(): void;
}

/** A connection that is made at the first call, and again after it was lost. */
export function openUnixSocket(path: string, interceptors: Interceptor[] = []): SocketConnection {
  return connection(path, interceptors);
}

/**
 * A connection to somebody who answers; waits until that is so.
 * @throws CodedError `deadline-exceeded` when nobody has answered within so many milliseconds
 */
export async function dialUnixSocket(
  path: string,
  milliseconds: number,
  signal: AbortSignal,
): Promise<SocketConnection> {
  const deadline = performance.now() + milliseconds;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]);
  for (;;) {
    const made = connection(path, []);
    let problem: unknown;
    try {
      if (await raced(made.session.connect(), limited)) return made;
    } catch (error) {
      problem = error;
    }
    made.close();
    signal.throwIfAborted();
    if (limited.aborted || performance.now() + retryInterval > deadline) {
      throw new CodedError('deadline-exceeded', 'context deadline exceeded', {
        cause: problem,
        hint: `${path}: ${problem === undefined ? 'it gives no answer in time' : whyNoAnswer(problem)}`,
      });
    }
    await sleep(retryInterval);
  }
}

function connection(
  path: string,
  interceptors: Interceptor[],
): SocketConnection & { session: SocketSession } {
  const session = new SocketSession(path);
  const transport = createGrpcTransport({
    baseUrl: session.authority,
    sessionManager: session,
    interceptors,
    readMaxBytes: largestMessage,
  });
  return { transport, session, close: () => session.close() };
}

/** Whether `work` was done before the signal came. */
function raced(work: Promise<void>, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const end = () => resolve(false);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    work.then(() => resolve(true), reject).finally(() => signal.removeEventListener('abort', end));
  });
}
