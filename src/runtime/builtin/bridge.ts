import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { CodedError } from '../../errors/coded-error.ts';
import { connectToPackets, connectToPort } from './perl-programs.ts';
import { packageOf } from './run-program.ts';

/** Milliseconds until a connection has to be there. */
const connectMs = 30_000;

/**
 * A TCP connection to a port inside a network namespace, on its loopback device.
 * @param namespace file that holds it; the machine's own where undefined
 * @throws CodedError `unavailable` where nothing listens
 */
export function openPort(namespace: string | undefined, port: number, signal: AbortSignal): Promise<Duplex> {
  const enter = namespace === undefined ? [] : ['nsenter', `--net=${namespace}`, '--'];
  return bridge([...enter, 'perl', '-e', connectToPort, '--', String(port)], `port ${port}`, {}, signal);
}

/**
 * A connection to a socket of packets; each comes out with four bytes of length before it.
 * @param folder where the socket is: longer paths than the kernel takes are no problem
 */
export function openPackets(folder: string, name: string, signal: AbortSignal): Promise<Duplex> {
  return bridge(['perl', '-e', connectToPackets, '--', name], `socket ${name}`, { cwd: folder }, signal);
}

async function bridge(
  command: readonly string[],
  what: string,
  options: { cwd?: string },
  signal: AbortSignal,
): Promise<Duplex> {
  signal.throwIfAborted();
  const [file = '', ...args] = command;
  const child = spawn(file, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  const kill = () => void child.kill('SIGKILL');
  const deadline = setTimeout(kill, connectMs);
  signal.addEventListener('abort', kill, { once: true });
  try {
    const rest = await connected(child, what);
    const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
    // What came together with the first byte.
    if (rest.length > 0) child.stdout.unshift(rest);
    stream.on('error', () => {});
    stream.once('close', kill);
    return stream;
  } catch (error) {
    kill();
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener('abort', kill);
  }
}

function connected(child: ChildProcessWithoutNullStreams, what: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 1000) said += text;
    });
    child.once('error', (error) => {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const name = child.spawnfile;
      const hint = missing ? { hint: `install ${packageOf(name) ?? name}` } : {};
      reject(
        new CodedError('failed-precondition', `starting ${name}: ${error.message}`, {
          cause: error,
          ...hint,
        }),
      );
    });
    child.once('exit', () => {
      reject(new CodedError('unavailable', `connecting to ${what}: ${said.trim() || 'no connection'}`));
    });
    child.stdin.on('error', () => {});
    child.stdout.once('readable', () => {
      const piece = child.stdout.read() as Buffer | null;
      if (piece !== null) resolve(piece.subarray(1));
    });
  });
}
