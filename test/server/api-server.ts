import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Trust } from './harness.ts';

/** What the API server was asked: path and `spec`. */
export interface Asked {
  path: string;
  spec: Record<string, unknown>;
}

/** The two reviews of an API server, answered as the real one answers, over TLS to those with a client certificate. */
export interface ApiServer {
  url: string;
  asked: Asked[];
  /** Answers these next requests with that status instead. */
  failing: number[];
  close(): void;
}

const audienceError =
  '[invalid bearer token, token audiences ["vault"] is invalid for the target audiences ["https://kubernetes.default.svc.cluster.local"]]';

const tokens: Record<string, object> = {
  good: {
    username: 'system:serviceaccount:ops:saver',
    uid: 'u1',
    groups: ['system:serviceaccounts', 'checkpointers'],
    extra: { 'authentication.kubernetes.io/pod-name': ['saver-0'] },
  },
  powerless: { username: 'eve', groups: ['nobody'] },
};

export async function startApiServer(trust: Trust): Promise<ApiServer> {
  const asked: Asked[] = [];
  const failing: number[] = [];
  const options = {
    cert: trust.server.certificate,
    key: trust.server.key,
    ca: trust.ca.certificate,
    requestCert: true,
    rejectUnauthorized: false,
  };
  const server = createServer(options, async (incoming, outgoing) => {
    const text = await bodyOf(incoming);
    const answer = (status: number, body: object) => {
      outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const failure = failing.shift();
    if (!(incoming.socket as TLSSocket).authorized) return answer(401, { kind: 'Status', code: 401 });
    const given = JSON.parse(text);
    asked.push({ path: incoming.url ?? '', spec: given.spec });
    if (failure) return answer(failure, { kind: 'Status', status: 'Failure', code: failure });
    answer(201, { ...given, status: statusOf(given.kind, given.spec) });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    failing,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function statusOf(kind: string, spec: Record<string, unknown>): object {
  if (kind === 'TokenReview') {
    const user = tokens[String(spec['token'])];
    if (user)
      return { authenticated: true, user, audiences: ['https://kubernetes.default.svc.cluster.local'] };
    return { user: {}, error: spec['token'] === 'for-vault' ? audienceError : 'invalid bearer token' };
  }
  const { resourceAttributes, groups } = spec as {
    resourceAttributes: { verb: string; resource: string; subresource: string };
    groups?: string[];
  };
  const { verb, resource, subresource } = resourceAttributes;
  const allowed =
    groups?.includes('checkpointers') && `${verb} ${resource}/${subresource}` === 'create nodes/checkpoint';
  return allowed
    ? { allowed: true, reason: 'RBAC: allowed by ClusterRoleBinding "saver"' }
    : { allowed: false };
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of incoming.setEncoding('utf8')) text += piece;
  return text;
}
