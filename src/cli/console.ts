import type { ArchiveLimits } from '../archive/limits.ts';

/** Text or bytes on their way to a terminal, a pipe or a file. Nothing is escaped here. */
export interface Output {
  write(data: string | Uint8Array): void;
  /** Hands over what was held back. */
  flush(): void;
  readonly isTerminal: boolean;
  /** Columns of the terminal; 0 where there is none. */
  readonly columns: number;
}

/** What a command sees of the world around it; `main.ts` makes one from the process. */
export interface Console {
  /** The name the program was called by: `stasis` or `checkpointctl`. */
  readonly program: string;
  /** Data. */
  readonly out: Output;
  /** Messages and progress. */
  readonly err: Output;
  /** Bytes of standard input, to its end, once. */
  input(): AsyncIterable<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by the first SIGINT or SIGTERM; a command that never asks for it simply dies of them. */
  readonly signal: AbortSignal;
  now(): Date;
  /** How much of an archive is accepted, where the command line raises it. */
  readonly limits?: ArchiveLimits | undefined;
}

/** Whoever reads the output has closed it. Ends the program without a word. */
export class BrokenPipe extends Error {}
