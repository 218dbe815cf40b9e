import { textOf, utf8 } from '../bytes/text.ts';

/**
 * How Kubernetes carries the streams of a command over one WebSocket: each binary message begins with the number of
 * its channel. Version 5 adds the end of a single channel.
 */
export const streamProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
export type StreamProtocol = (typeof streamProtocols)[number];

export const channels = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  /** One message at the end: how it ended, as a `v1.Status`. */
  status: 3,
  /** `{"Width": columns, "Height": rows}` */
  resize: 4,
  /** Its content is the number of the channel that has come to its end; version 5. */
  close: 255,
} as const;

export function channelMessage(channel: number, content: Uint8Array): Uint8Array {
  const message = new Uint8Array(content.length + 1);
  message[0] = channel;
  message.set(content, 1);
  return message;
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

/** Undefined for what is no size of a terminal. */
export function terminalSizeIn(content: Uint8Array): TerminalSize | undefined {
  try {
    const { Width: columns, Height: rows } = JSON.parse(textOf(content)) as Record<string, unknown>;
    const size = (value: unknown): value is number =>
      typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;
    return size(columns) && size(rows) ? { columns, rows } : undefined;
  } catch {
    return undefined;
  }
}

export function terminalSizeMessage({ columns, rows }: TerminalSize): Uint8Array {
  return channelMessage(channels.resize, utf8(JSON.stringify({ Width: columns, Height: rows })));
}

/** How a command ended: with a status, or not at all. */
export type StreamEnd = { exitCode: number } | { failure: string };

export function statusOf(end: StreamEnd): Uint8Array {
  const base = { metadata: {} };
  if ('failure' in end) {
    return utf8(
      JSON.stringify({
        ...base,
        status: 'Failure',
        message: end.failure,
        reason: 'InternalError',
        code: 500,
      }),
    );
  }
  if (end.exitCode === 0) return utf8(JSON.stringify({ ...base, status: 'Success' }));
  const code = String(end.exitCode);
  return utf8(
    JSON.stringify({
      ...base,
      status: 'Failure',
      message: `command terminated with non-zero exit code: exit status ${code}`,
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: code }] },
    }),
  );
}

export function endIn(content: Uint8Array): StreamEnd {
  try {
    const status = JSON.parse(textOf(content)) as {
      status?: unknown;
      message?: unknown;
      reason?: unknown;
      details?: { causes?: { reason?: unknown; message?: unknown }[] };
    };
    if (status.status === 'Success') return { exitCode: 0 };
    const code = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
    if (status.reason === 'NonZeroExitCode' && /^-?[0-9]{1,6}$/.test(String(code)))
      return { exitCode: Number(code) };
    return { failure: typeof status.message === 'string' ? status.message : 'it failed without a word' };
  } catch {
    return { failure: textOf(content).slice(0, 1000) || 'it failed without a word' };
  }
}
