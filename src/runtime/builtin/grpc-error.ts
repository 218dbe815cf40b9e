import { Code, ConnectError } from '@connectrpc/connect';
import { grpcStatus } from '../../errors/code.ts';
import { CodedError, messageOf } from '../../errors/coded-error.ts';

/** What a caller of the runtime interface is told of a failure: gRPC's status and our words. */
export function asConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof CodedError) {
    const hint = error.hint === undefined ? '' : ` (${error.hint})`;
    return new ConnectError(
      `${error.message}${hint}`,
      grpcStatus(error.code) as Code,
      undefined,
      undefined,
      error,
    );
  }
  return new ConnectError(messageOf(error), Code.Internal, undefined, undefined, error);
}

type Method = (...args: never[]) => Promise<unknown>;

/** The same methods, whose failures carry a gRPC status. */
export function withStatuses<T extends Record<string, Method>>(methods: T): T {
  const wrapped = Object.entries(methods).map(([name, method]) => [
    name,
    async (...args: never[]): Promise<unknown> => {
      try {
        return await method(...args);
      } catch (error) {
        throw asConnectError(error);
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}
