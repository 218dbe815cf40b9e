import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { CodedError } from '../errors/coded-error.ts';

/** Largest answer that is taken, in bytes; gRPC's own limit in Kubernetes is 16 MiB. */
const largest = 16 << 20;

/**
 * One gRPC call over a unix socket, for the few questions that a command asks a daemon once.
 * @param method `/package.Service/Method`
 * @throws CodedError `unavailable` when nobody answers in time or the answer is an error.
 */
export async function unaryCall(
  socket: string,
  method: string,
  message: Uint8Array,
  timeout = 5000,
): Promise<Uint8Array> {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) });
  try {
    return await new Promise<Uint8Array>((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new CodedError('unavailable', `asking ${socket} for ${method}: ${why}`));
      const timer = setTimeout(() => fail(`no answer in ${timeout} ms`), timeout);
      timer.unref();
      session.once('error', (error) => fail(error.message));
      const stream = session.request({
        ':method': 'POST',
        ':path': method,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const pieces: Buffer[] = [];
      let length = 0;
      let status = '';
      const note = (headers: Record<string, unknown>): void => {
        if (headers['grpc-status'] !== undefined) {
          status =
            `${headers['grpc-status']} ${decodeURIComponent(String(headers['grpc-message'] ?? ''))}`.trim();
        }
      };
      stream.on('response', note);
      stream.on('trailers', note);
      stream.on('error', (error) => fail(error.message));
      stream.on('data', (piece: Buffer) => {
        length += piece.length;
        if (length > largest + 5) stream.close();
        else pieces.push(piece);
      });
      stream.on('end', () => {
        clearTimeout(timer);
        const frame = Buffer.concat(pieces);
        if (status !== '0') fail(status === '' ? 'the answer has no status' : `status ${status}`);
        else if (frame.length < 5 || frame[0] !== 0 || frame.readUInt32BE(1) !== frame.length - 5) {
          fail('the answer is not one uncompressed message');
        } else resolve(frame.subarray(5));
      });
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      stream.end(Buffer.concat([head, message]));
    });
  } finally {
    session.destroy();
  }
}
