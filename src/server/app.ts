import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { endpoints } from '../api/endpoints.ts';
import { bodies, isCheckpointPath, jsonType } from '../api/kubelet-checkpoint.ts';
import type { ErrorBody } from '../api/stasis.ts';
import {
  type Attributes,
  attributesOf,
  authorizationErrorText,
  forbiddenText,
  type User,
} from '../auth/attributes.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Authorizer } from '../auth/policy.ts';
import { httpStatus } from '../errors/code.ts';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import type { Checkpointer } from '../pods/checkpointer.ts';
import type { Audit, RequestFacts } from './audit.ts';
import { answerCheckpoint, plain } from './kubelet-routes.ts';
import type { RequestLimits } from './limits.ts';
import { isCanonical, maximumTarget, parseTarget } from './request-path.ts';
import type { ServerMetrics } from './server-metrics.ts';

export interface AppOptions {
  nodeName: string;
  /** The Kubelet Checkpoint API; left out where it is turned off. */
  checkpointer?: Checkpointer;
  authenticate: Authenticator;
  authorize: Authorizer;
  limits: RequestLimits;
  audit: Audit;
  metrics: ServerMetrics;
  /** Digest of a finished archive, for the audit line; may take its time. */
  digestOf(path: string, signal?: AbortSignal): Promise<string>;
  /** Adds the routes of our own API. */
  routes?: (app: StasisApp) => void;
}

export interface StasisBindings {
  Bindings: HttpBindings;
  Variables: {
    facts: RequestFacts;
    /** Aborted when the client goes. */
    signal: AbortSignal;
  };
}
/** The text format of Prometheus. */
const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

export type StasisApp = Hono<StasisBindings>;
export type StasisContext = Context<StasisBindings>;

/**
 * The whole HTTP surface: who is it, may they, then the Kubelet Checkpoint API or our own. Only `/livez` is
 * answered to everyone.
 */
export function createApp(given: AppOptions): StasisApp {
  const { checkpointer, metrics } = given;
  const options = checkpointer ? { ...given, checkpointer: metrics.counted(checkpointer) } : given;
  const app: StasisApp = new Hono<StasisBindings>();
  app.use('*', (context, next) => audited(options, context, next));
  app.use('*', (context, next) => guarded(options, context, next));
  app.get(endpoints.health.path, () => plain(200, 'ok', { 'x-content-type-options': 'nosniff' }));
  app.get(endpoints.metrics.path, () => plain(200, options.metrics.text(), {}, metricsType));
  options.routes?.(app);
  app.notFound(() => plain(404, bodies.notFound));
  app.onError((error, context) => {
    const facts = context.get('facts');
    const code = isCoded(error) ? error.code : 'internal';
    if (facts) facts.error = facts.aboutContents ? code : messageOf(error);
    return errorResponse(error);
  });
  return app;
}

/** An error of our own API as the client sees it; what we did not expect is not told. */
export function errorResponse(error: unknown): Response {
  const coded = isCoded(error) ? error : new CodedError('internal', 'internal error, see the log of stasisd');
  const body: ErrorBody = {
    error: { code: coded.code, message: coded.message, ...(coded.hint ? { hint: coded.hint } : {}) },
  };
  const text = `${JSON.stringify(body)}\n`;
  const later = coded.data['retryAfter'] ?? (coded.code === 'busy' ? 1 : undefined);
  const headers = {
    'content-type': jsonType,
    'content-length': String(Buffer.byteLength(text)),
    ...(later === undefined ? {} : { 'retry-after': String(later) }),
  };
  return new Response(text, { status: httpStatus(coded.code), headers });
}

async function audited(
  { audit, digestOf, metrics }: AppOptions,
  context: StasisContext,
  next: () => Promise<void>,
): Promise<void> {
  const { incoming } = context.env;
  const began = performance.now();
  const path = parseTarget(incoming.url ?? '')?.path ?? incoming.url ?? '';
  const facts: RequestFacts = { path, user: undefined, verb: '', resource: '', decision: 'public' };
  context.set('facts', facts);
  context.set('signal', clientSignal(context.req.raw.signal));
  const answered = metrics.request(incoming.method ?? '', path);
  try {
    await next();
  } catch (error) {
    // What is thrown and is no Error comes to nobody else, and would leave no line.
    facts.error = messageOf(error);
    context.res = errorResponse(error);
  }
  answered();
  const record = {
    user: facts.user?.name ?? '',
    groups: facts.user?.groups ?? [],
    from: incoming.socket.remoteAddress ?? '',
    method: incoming.method ?? '',
    path: path.slice(0, maximumTarget),
    verb: facts.verb,
    resource: facts.resource,
    decision: facts.decision,
    status: context.res.status,
    milliseconds: Math.round((performance.now() - began) * 10) / 10,
    ...(facts.archive ? { archive: facts.archive } : {}),
    ...(facts.changed ? { changed: facts.changed } : {}),
    ...(facts.error ? { error: facts.error.split('\n')[0] ?? '' } : {}),
  };
  if (!facts.archive) return audit(record);
  // The answer does not wait for the digest; an archive that is gone by then has none.
  digestOf(facts.archive).then(
    (digest) => audit({ ...record, digest }),
    () => audit(record),
  );
}

/** With an error that says what happened: the server's own reason is a text. */
function clientSignal(signal: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const abort = (): void => gone.abort(new CodedError('cancelled', 'the client has gone'));
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return gone.signal;
}

async function guarded(
  options: AppOptions,
  context: StasisContext,
  next: () => Promise<void>,
): Promise<Response | undefined> {
  const { incoming } = context.env;
  const url = incoming.url ?? '';
  if (url.length > maximumTarget) return plain(414, '414 URI Too Long');
  const target = parseTarget(url);
  if (!target) return plain(400, '400 Bad Request');
  const method = incoming.method ?? '';
  if (target.path === endpoints.live.path && (method === 'GET' || method === 'HEAD')) {
    return plain(200, 'ok', { 'x-content-type-options': 'nosniff' });
  }
  const refused = await refusal(options, context, attributesOf(method, target.path, options.nodeName));
  if (refused) return refused;
  if (options.checkpointer && isCheckpointPath(target.path)) {
    return answerCheckpoint(options.checkpointer, options.limits, {
      method,
      ...target,
      accept: incoming.headers.accept,
      facts: context.get('facts'),
      signal: context.get('signal'),
    });
  }
  if (!isCanonical(url)) return plain(404, bodies.notFound);
  await next();
  return undefined;
}

/** The answer to someone who is not let in; undefined for everybody else. */
async function refusal(
  { authenticate, authorize }: AppOptions,
  context: StasisContext,
  attributes: Attributes,
): Promise<Response | undefined> {
  const facts = context.get('facts');
  const signal = context.get('signal');
  facts.verb = attributes.verb;
  facts.resource = `${attributes.resource}/${attributes.subresources.join(',')}`;
  const user = await identify(authenticate, context.env.incoming, facts, signal);
  if (!user) {
    facts.decision = 'unauthenticated';
    return plain(401, bodies.unauthorized);
  }
  facts.user = user;
  try {
    if (await authorize(user, attributes, signal)) {
      facts.decision = 'allow';
      return undefined;
    }
  } catch (error) {
    facts.decision = 'error';
    facts.error = messageOf(error);
    return plain(500, authorizationErrorText(user, attributes));
  }
  facts.decision = 'forbid';
  return plain(403, forbiddenText(user, attributes));
}

/** Who it is; an authenticator that fails leaves the request unauthenticated, as the kubelet does. */
async function identify(
  authenticate: Authenticator,
  incoming: IncomingMessage,
  facts: RequestFacts,
  signal: AbortSignal,
): Promise<User | undefined> {
  const socket = incoming.socket instanceof TLSSocket ? incoming.socket : undefined;
  try {
    return await authenticate({ authorization: incoming.headers.authorization, socket }, signal);
  } catch (error) {
    facts.error = messageOf(error);
    return undefined;
  }
}
