import { type IncomingMessage, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';

/** Opens a connection to what is probed; ends it when the signal aborts. */
export type Dial = (signal: AbortSignal) => Promise<Duplex>;

/** What is wrong, in the kubelet's words where it has some; undefined for health. */
export type Complaint = string | undefined;

export interface HttpProbe {
  path: string;
  /** Of the Host header. */
  host: string;
  scheme: 'HTTP' | 'HTTPS';
  headers: readonly { name: string; value: string }[];
}

async function dialed(dial: Dial, signal: AbortSignal): Promise<Duplex> {
  const socket = await dial(signal);
  // Whoever waits for something learns of it there; one that comes later, or twice, is nobody's.
  socket.on('error', () => {});
  return socket;
}

/** Healthy with a status from 200 to 399. What the answer says is not read. */
export async function probeHttp(dial: Dial, probe: HttpProbe, signal: AbortSignal): Promise<Complaint> {
  const socket = await dialed(dial, signal);
  try {
    const secured = probe.scheme === 'HTTPS' ? connectTls({ socket, rejectUnauthorized: false }) : socket;
    const answer = await answerOf(secured, probe, signal);
    const status = answer.statusCode ?? 0;
    return status >= 200 && status < 400 ? undefined : `HTTP probe failed with statuscode: ${status}`;
  } finally {
    socket.destroy();
  }
}

function answerOf(socket: Duplex, probe: HttpProbe, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = { 'user-agent': 'kube-probe/stasis', accept: '*/*' };
    for (const { name, value } of probe.headers) headers[name.toLowerCase()] = value;
    const asked = request({
      path: probe.path.startsWith('/') ? probe.path : `/${probe.path}`,
      headers: { host: probe.host, connection: 'close', ...headers },
      // A duplex stream is all that the client needs of a socket.
      createConnection: () => socket as Socket,
      signal,
    });
    asked.once('response', resolve);
    asked.once('error', reject);
    socket.on('error', reject);
    asked.end();
  });
}

/** Healthy where a connection can be made. */
export async function probeTcp(dial: Dial, signal: AbortSignal): Promise<Complaint> {
  (await dialed(dial, signal)).destroy();
  return undefined;
}

const serving = 1;

/** Healthy where `grpc.health.v1.Health/Check` answers SERVING. */
export async function probeGrpc(dial: Dial, service: string, signal: AbortSignal): Promise<Complaint> {
  const socket = await dialed(dial, signal);
  const session = connectHttp2('http://localhost', { createConnection: () => socket });
  const failed = new Promise<never>((_resolve, reject) => {
    session.once('error', reject);
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
  });
  failed.catch(() => undefined);
  try {
    const stream = session.request(
      {
        ':method': 'POST',
        ':path': '/grpc.health.v1.Health/Check',
        'content-type': 'application/grpc',
        te: 'trailers',
      },
      { signal },
    );
    const pieces: Buffer[] = [];
    let trailers: Record<string, unknown> = {};
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('response', (headers) => {
        trailers = { ...trailers, ...headers };
      });
      stream.on('trailers', (headers) => {
        trailers = { ...trailers, ...headers };
      });
      stream.on('data', (piece: Buffer) => {
        if (pieces.length < 16) pieces.push(piece);
      });
      stream.once('end', resolve);
      stream.once('error', reject);
    });
    stream.end(healthRequest(service));
    await Promise.race([ended, failed]);
    const code = String(trailers['grpc-status'] ?? 'none');
    if (code !== '0')
      return `service unhealthy: status ${code} ${String(trailers['grpc-message'] ?? '')}`.trim();
    const status = statusIn(Buffer.concat(pieces));
    return status === serving ? undefined : `service unhealthy (responded with status ${status})`;
  } finally {
    session.destroy();
    socket.destroy();
  }
}

/** A gRPC frame with a HealthCheckRequest: field 1, the service's name. */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const length = name.length < 128 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.from([0x0a, ...length, ...name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Field 1 of the HealthCheckResponse in a frame, which is left out for 0. */
function statusIn(frame: Buffer): number {
  return frame.length >= 7 && frame[5] === 0x08 ? (frame[6] ?? 0) : 0;
}
