import { connect } from 'node:net';
import type { Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { CodedError } from '../../errors/coded-error.ts';

/** The path in a runtime endpoint, `unix:///path` or `/path`. @throws CodedError `invalid-argument` for others */
export function socketPath(endpoint: string): string {
  const path = endpoint.replace(/^unix:\/\//, '');
  if (path.startsWith('/') && path.length < 108) return path;
  throw new CodedError(
    'invalid-argument',
    `container runtime endpoint ${JSON.stringify(endpoint)} is not unix:///PATH`,
  );
}

/** gRPC to a container runtime over its unix socket; connects at the first call, and anew after a break. */
export function socketTransport(path: string): Transport {
  return createGrpcTransport({
    baseUrl: 'http://localhost',
    nodeOptions: { createConnection: () => connect(path) },
  });
}
