import { open } from 'node:fs/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { CodedError } from '../../errors/coded-error.ts';
import { explainLog, longestLog } from '../../inspect/dump-log.ts';
import type { Failure } from './quirks.ts';

/** What can be said of a failed call beyond the runtime's own words. */
export interface Explanation {
  /** What to change: an option, a package, something in the container. */
  hint?: string;
  /** The log of CRIU that the runtime names. */
  log?: string;
}

/** Failures whose words are the same wherever they come from, most telling first. */
const general: readonly Failure[] = [
  {
    match: /no space left on device/i,
    hint: "free space on the disk of the checkpoints and on that of the runtime's state",
  },
  {
    match: /connect(?:ion)? ?(?:ENOENT|.*no such file)|ENOENT/,
    hint: 'the socket is not there: start the container runtime, or name another with --container-runtime-endpoint',
  },
  {
    match:
      /connection to the container runtime broke|ECONNREFUSED|ECONNRESET|EPIPE|ERR_HTTP2|socket hang up|GOAWAY/i,
    hint: 'the container runtime has ended or is starting: look at its log (journalctl -u containerd, -u crio)',
  },
  {
    match: /EACCES|permission denied/i,
    hint: 'run as root: the socket and the checkpoints are for root alone',
  },
];

const byCode: Readonly<Partial<Record<Code, string>>> = {
  [Code.Unimplemented]:
    'this container runtime has no checkpoints: use containerd 2.1 or newer, or CRI-O 1.25 or newer',
  [Code.DeadlineExceeded]: 'ask with a longer ?timeout=, or set runtimeRequestTimeout',
  [Code.Unavailable]: 'look whether the container runtime runs (systemctl status containerd, crio)',
};

/** What the words and the code of a failed call say about its cause. @param own of the runtime that it came from */
export function explainFailure(error: unknown, own: readonly Failure[]): Explanation {
  const { rawMessage, code } = ConnectError.from(error);
  const found = [...own, ...general].find(({ match }) => match.test(rawMessage));
  const hint = found?.hint ?? byCode[code];
  const log = /(?:log file:|path=) ?(\/[^\s:'"]+\.log)/.exec(rawMessage)?.[1];
  return { ...(hint === undefined ? {} : { hint }), ...(log === undefined ? {} : { log }) };
}

/** The same, and with what the log of CRIU says where the runtime names one that can be read. */
export async function explainWithLog(error: unknown, own: readonly Failure[]): Promise<Explanation> {
  const known = explainFailure(error, own);
  const said = known.log === undefined ? undefined : explainLog(await endOf(known.log).catch(() => ''));
  if (said === undefined) return known;
  const words = said.meaning === undefined ? `CRIU says: ${said.line}` : said.meaning;
  return { ...known, hint: said.hint === undefined ? words : `${words}: ${said.hint}` };
}

/** The failure, with what is known of it as the hint of its cause. */
export async function explained(error: unknown, failures: readonly Failure[]): Promise<ConnectError> {
  const rpc = broken(ConnectError.from(error));
  const { hint } = await explainWithLog(rpc, failures);
  if (hint === undefined) return rpc;
  const cause = new CodedError('internal', rpc.rawMessage, { cause: error, hint });
  return new ConnectError(rpc.rawMessage, rpc.code, rpc.metadata, undefined, cause);
}

/** A connection that broke is told as such; Connect calls it a cancelled call. */
function broken(error: ConnectError): ConnectError {
  if (error.code !== Code.Canceled || !/stream closed/.test(error.rawMessage)) return error;
  return new ConnectError(
    'the connection to the container runtime broke',
    Code.Unavailable,
    undefined,
    undefined,
    error,
  );
}

/** The last part of a log, where its reason stands. */
async function endOf(path: string): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const found = await handle.stat();
    if (!found.isFile()) return '';
    const length = Math.min(found.size, longestLog);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, found.size - length);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
