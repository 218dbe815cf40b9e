import { Code, ConnectError } from '@connectrpc/connect';
import { type ErrorCode, errorCodes, grpcStatus } from '../errors/code.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';

/** What a gRPC call failed with, in the words that Go programs print: `rpc error: code = X desc = …`. */
export function rpcErrorText(error: unknown): string {
  const rpc = ConnectError.from(error);
  return `rpc error: code = ${Code[rpc.code] ?? 'Unknown'} desc = ${rpc.rawMessage}`;
}

/** What to change after a failed call, where the runtime's edge found out. */
export function hintOf(error: unknown): string | undefined {
  return error instanceof Error && error.cause instanceof CodedError ? error.cause.hint : undefined;
}

/** A failed gRPC call as an error of ours, with the code that it came with. */
export function fromRpc(doing: string, error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const rpc = ConnectError.from(error);
  const code: ErrorCode = errorCodes.find((known) => grpcStatus(known) === Number(rpc.code)) ?? 'internal';
  const hint = hintOf(error);
  return new CodedError(code, `${doing}: ${rpc.rawMessage}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The part of an error that a person reads in a pod's status. */
export function shortReason(error: unknown): string {
  return error instanceof ConnectError ? error.rawMessage : messageOf(error);
}
