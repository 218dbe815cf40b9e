/** What the parser asks of whoever drives it: `length` bytes from `at`, fewer only where the archive ends. */
export interface TarRequest {
  readonly at: number;
  readonly length: number;
}

/** Reads a part of an archive by yielding what it needs; used by the parser and its parts. */
export type Reading<T> = Generator<TarRequest, T, Uint8Array>;
