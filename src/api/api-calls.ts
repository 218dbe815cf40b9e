import type { ErrorCode } from '../errors/code.ts';
import { errorCodes } from '../errors/code.ts';
import { CodedError } from '../errors/coded-error.ts';
import { type EndpointName, endpoints, targetOf } from './endpoints.ts';
import type { ErrorBody } from './stasis.ts';
import { linesIn } from './text-stream.ts';

export interface HttpRequest {
  method: string;
  /** With its query. */
  path: string;
  /** JSON text. */
  body?: string;
  /** A body that is sent piece by piece, in place of `body`. */
  upload?: AsyncIterable<Uint8Array>;
  headers?: Readonly<Record<string, string>>;
}

export interface HttpAnswer {
  status: number;
  body: string;
}

/** Carries a request to the daemon and brings back the answer, whatever its status. */
export type Send = (request: HttpRequest, signal: AbortSignal) => Promise<HttpAnswer>;

/** An answer whose body comes piece by piece. */
export interface HttpStream {
  status: number;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: AsyncIterable<Uint8Array>;
}

export type StreamSend = (request: HttpRequest, signal: AbortSignal) => Promise<HttpStream>;

type Parts = Readonly<Record<string, string>>;
type Query = Readonly<Record<string, string | number | boolean | undefined>>;
export interface Call {
  /** Of this content type. */
  upload?: AsyncIterable<Uint8Array>;
  parts?: Parts;
  query?: Query;
  body?: unknown;
}

/** Calls of the daemon's endpoints by their names. Every one fails with a CodedError that has the daemon's words. */
export class ApiCalls {
  readonly #send: Send;
  readonly #stream: StreamSend | undefined;

  /** @param stream for downloads, searches and events; they fail without it */
  constructor(send: Send, stream?: StreamSend) {
    this.#send = send;
    this.#stream = stream;
  }

  protected async json<T>(name: EndpointName, call: Call, signal: AbortSignal): Promise<T> {
    return JSON.parse(await this.call(name, call, signal)) as T;
  }

  protected call(name: EndpointName, { parts, query, body }: Call, signal: AbortSignal): Promise<string> {
    return this.request(endpoints[name].method, targetOf(name, parts, query), body, signal);
  }

  protected async request(method: string, path: string, body: unknown, signal: AbortSignal): Promise<string> {
    const request = { method, path, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const answer = await this.#send(request, signal);
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    throw errorOf(answer);
  }

  protected async open(
    name: EndpointName,
    { parts, query, body, upload }: Call,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpStream> {
    if (!this.#stream) throw new CodedError('unsupported', 'this client cannot read answers piece by piece');
    const path = targetOf(name, parts, query);
    const sent = body === undefined ? (upload ? { upload } : {}) : { body: JSON.stringify(body) };
    const answer = await this.#stream({ method: endpoints[name].method, path, headers, ...sent }, signal);
    if (answer.status >= 200 && answer.status < 300) return answer;
    let text = '';
    for await (const line of linesIn(answer.body)) text += `${line}\n`;
    throw errorOf({ status: answer.status, body: text });
  }
}

/** What the daemon said was wrong: in JSON from our own API, in plain text from the kubelet's. */
function errorOf({ status, body }: HttpAnswer): CodedError {
  const code = codes[status] ?? 'internal';
  try {
    const { error } = JSON.parse(body) as ErrorBody;
    const known = errorCodes.find((item) => item === error.code) ?? code;
    return new CodedError(known, error.message, error.hint ? { hint: error.hint } : {});
  } catch {
    const text = body.trim() || `the daemon answered with status ${status}`;
    const hint = hints[status];
    return new CodedError(code, text, hint ? { hint } : {});
  }
}

const codes: Record<number, ErrorCode> = {
  400: 'invalid-argument',
  401: 'unauthenticated',
  403: 'permission-denied',
  404: 'not-found',
  406: 'invalid-argument',
  409: 'failed-precondition',
  416: 'invalid-argument',
  429: 'busy',
  503: 'unavailable',
};

const hints: Record<number, string> = {
  401: 'give a token that the daemon knows with --token-file, or a client certificate',
  403: 'who this is may not do it: add a rule to the policy, or ask someone who may',
};
