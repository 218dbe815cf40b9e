import { type Agent, request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { firstOf } from '../../src/auth/authenticator.ts';
import { type Issuer, makeCertificate } from '../../src/auth/certificate.ts';
import { clientCertificate } from '../../src/auth/client-certificate.ts';
import type { Authorizer } from '../../src/auth/policy.ts';
import { localPolicy, parsePolicy } from '../../src/auth/policy.ts';
import { parseTokenFile, staticTokens } from '../../src/auth/token-file.ts';
import type { Checkpointer } from '../../src/pods/checkpointer.ts';
import { createApp } from '../../src/server/app.ts';
import type { AuditRecord } from '../../src/server/audit.ts';
import { listen, type RunningServer } from '../../src/server/https-server.ts';
import { RequestLimits } from '../../src/server/limits.ts';
import { ServerMetrics } from '../../src/server/server-metrics.ts';

const day = 86_400_000;
const from = (days: number) => new Date(Date.now() + days * day);

/** An authority, a server and clients of several kinds, made once for a test file. */
export function makeTrust() {
  const dates = { notBefore: from(-1), notAfter: from(1) };
  const ca = makeCertificate({ name: 'test-ca', use: 'ca', ...dates });
  const otherCa = makeCertificate({ name: 'other-ca', use: 'ca', ...dates });
  const client = (issuer: Issuer, name: string, organisations: string[], extra = {}) =>
    makeCertificate({ name, organisations, use: 'client', issuer, ...dates, ...extra });
  return {
    ca,
    server: makeCertificate({
      name: 'node',
      hosts: ['localhost', '127.0.0.1'],
      use: 'server',
      issuer: ca,
      ...dates,
    }),
    admin: client(ca, 'admin', ['system:masters', 'second']),
    viewer: client(ca, 'viewer', []),
    stranger: client(otherCa, 'admin', ['system:masters']),
    expired: client(ca, 'admin', ['system:masters'], { notBefore: from(-3), notAfter: from(-2) }),
    wrongUse: makeCertificate({ name: 'admin', hosts: ['localhost'], use: 'server', issuer: ca, ...dates }),
  };
}
export type Trust = ReturnType<typeof makeTrust>;

const policy = `
apiVersion: stasis/v1
kind: Policy
rules:
- groups: [system:masters]
  verbs: ['*']
  resources: ['*']
- users: [viewer]
  verbs: [get]
  resources: [nodes/checkpoint]
`;

const tokens = `good-token,alice,1,"system:masters,dev"
eve-token,system:serviceaccount:default:eve,2
`;

const users = parseTokenFile(tokens, 'tokens.csv');

export interface Served {
  server: RunningServer;
  audit: AuditRecord[];
}

const defaultAuthorizer = localPolicy(() => parsePolicy(policy, 'policy.yaml'));
const defaultAuthenticator = firstOf([clientCertificate, staticTokens(() => users)]);

/** The application with client certificates, static tokens and a local policy. */
export function createAppFor(
  checkpointer: Checkpointer,
  audit: AuditRecord[] = [],
  authorize: Authorizer = defaultAuthorizer,
  limits = new RequestLimits(),
  authenticate = defaultAuthenticator,
) {
  return createApp({
    nodeName: 'node',
    checkpointer,
    authenticate,
    authorize,
    limits,
    metrics: new ServerMetrics(),
    audit: (record) => audit.push(record),
    digestOf: async () => 'sha256:00',
  });
}

/** A server on loopback with that application. */
export async function serve(
  trust: Trust,
  checkpointer: Checkpointer,
  authorize?: Authorizer,
  limits?: RequestLimits,
  authenticate?: typeof defaultAuthenticator,
): Promise<Served> {
  const audit: AuditRecord[] = [];
  const app = createAppFor(checkpointer, audit, authorize, limits, authenticate);
  const server = await listen(app, {
    address: '127.0.0.1',
    port: 0,
    tls: {
      certificate: trust.server.certificate,
      key: trust.server.key,
      clientCa: trust.ca.certificate,
    },
  });
  return { server, audit };
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  as?: { certificate: string; key: string };
  body?: string;
  /** Keeps connections; each request has one of its own where left out. */
  agent?: Agent;
}

/** One request, on a connection of its own unless there is an agent; the path goes over the wire as it is. */
export function ask(trust: Trust, port: number, path: string, options: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: options.method ?? 'POST',
        headers: options.headers ?? {},
        ca: trust.ca.certificate,
        agent: options.agent ?? false,
        ...(options.as ? { cert: options.as.certificate, key: options.as.key } : {}),
      },
      (incoming) => {
        const pieces: Buffer[] = [];
        incoming.on('data', (piece: Buffer) => pieces.push(piece));
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers as Record<string, string>,
            body: Buffer.concat(pieces).toString(),
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

/** What comes back for bytes that no well-behaved client would send. */
export function askRaw(trust: Trust, port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca: trust.ca.certificate }, () => {
      socket.write(text);
    });
    let got = '';
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => {
      got += piece;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(got));
  });
}
