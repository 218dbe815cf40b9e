import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Duplex, PassThrough } from 'node:stream';
import type { TerminalSize } from '../../api/stream-channels.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { openPackets } from './bridge.ts';
import type { Session } from './exec-session.ts';
import type { Machine } from './machine.ts';
import { containerDirectory } from './paths.ts';
import { type ContainerRecord, phaseOf } from './records.ts';

/** First byte of each packet that conmon sends. */
const stderrPacket = 3;

/**
 * Connects to what a container reads and writes, through its supervisor. The container goes on when the
 * connection ends.
 * @throws CodedError `failed-precondition` where it does not run
 */
export async function startAttach(
  machine: Machine,
  record: ContainerRecord,
  signal: AbortSignal,
): Promise<Session> {
  if (phaseOf(record) !== 'running') {
    throw new CodedError('failed-precondition', `container ${record.id} is ${phaseOf(record)}, not running`);
  }
  const folder = containerDirectory(machine.paths, record.id);
  const connection = await openPackets(folder, 'attach', signal);
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  // As Kubernetes' own servers: where the container has ended, attaching to it has succeeded.
  const ended = readPackets(connection, stdout, stderr).then(() => ({ exitCode: 0 }));
  return {
    ...(record.config.stdin ? { stdin: connection } : {}),
    outputs: [
      { channel: 'stdout', stream: stdout },
      ...(record.config.tty ? [] : [{ channel: 'stderr' as const, stream: stderr }]),
    ],
    ...(record.config.tty ? { resize: (size) => resize(folder, size) } : {}),
    ended,
    stop: async () => void connection.destroy(),
  };
}

async function readPackets(connection: Duplex, stdout: PassThrough, stderr: PassThrough): Promise<void> {
  let buffer: Buffer = Buffer.alloc(0);
  try {
    for await (const piece of connection as AsyncIterable<Buffer>) {
      buffer = Buffer.concat([buffer, piece]);
      for (let size = sizeIn(buffer); size !== undefined; size = sizeIn(buffer)) {
        const target = buffer[4] === stderrPacket ? stderr : stdout;
        target.write(buffer.subarray(5, 4 + size));
        buffer = buffer.subarray(4 + size);
      }
    }
  } catch {
    // The supervisor has gone with its container.
  }
  stdout.end();
  stderr.end();
}

/** Of the first packet, where all of it is there. */
function sizeIn(buffer: Buffer): number | undefined {
  if (buffer.length < 4) return undefined;
  const size = buffer.readUInt32BE(0);
  return buffer.length >= 4 + size ? size : undefined;
}

/** Tells conmon, which holds the container's terminal. */
async function resize(folder: string, { rows, columns }: TerminalSize): Promise<void> {
  const handle = await open(join(folder, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    await handle.write(`1 ${rows} ${columns}\n`);
  } finally {
    await handle.close();
  }
}
