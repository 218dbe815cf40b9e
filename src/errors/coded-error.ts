import type { ErrorCode } from './code.ts';

/** What a {@link CodedError} may carry besides its code: facts a caller can act on (a member name, an offset). */
export type ErrorData = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/**
 * The one error class. `message` says what was being done, what was found and, where it helps, what to do
 * next; `hint` holds that last part when it should stand on a line of its own.
 */
export class CodedError extends Error {
  readonly code: ErrorCode;
  readonly data: ErrorData;
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; data?: ErrorData; hint?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CodedError';
    this.code = code;
    this.data = options.data ?? {};
    this.hint = options.hint;
  }
}

/** Whether `error` is a {@link CodedError}, of the given code if one is given. */
export function isCoded(error: unknown, code?: ErrorCode): error is CodedError {
  return error instanceof CodedError && (code === undefined || error.code === code);
}

/** The message of anything thrown, for use inside another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
