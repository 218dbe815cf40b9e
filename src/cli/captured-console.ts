import { textOf } from '../bytes/text.ts';
import type { Console, Output } from './console.ts';

/** An output that keeps what is written, for whoever runs commands inside another program. */
export class CapturedOutput implements Output {
  readonly isTerminal = false;
  readonly columns = 0;
  text = '';

  write(data: string | Uint8Array): void {
    this.text += typeof data === 'string' ? data : textOf(data);
  }

  flush(): void {}
}

export interface CapturedConsole extends Console {
  readonly out: CapturedOutput;
  readonly err: CapturedOutput;
}

/** A console without a terminal whose output is kept; nothing is remembered between runs unless `env` says where. */
export function capturedConsole(
  options: { program?: string; env?: Record<string, string>; input?: Uint8Array; now?: Date } = {},
): CapturedConsole {
  return {
    program: options.program ?? 'stasis',
    out: new CapturedOutput(),
    err: new CapturedOutput(),
    async *input() {
      if (options.input) yield options.input;
    },
    env: { CACHE_DIRECTORY: '', ...options.env },
    signal: new AbortController().signal,
    now: () => options.now ?? new Date(),
  };
}
