import type { IncomingMessage } from 'node:http';
import type { Endpoint } from '../api/endpoints.ts';
import { jsonType } from '../api/kubelet-checkpoint.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { Upload } from '../pods/node-control.ts';
import { type Field, Reading } from '../pods/schema.ts';
import type { StasisContext } from './app.ts';
import type { RequestFacts } from './audit.ts';
import { allowLongBody } from './body-time.ts';

/** Bytes of a request's body that we are willing to read. */
const bodyLimit = 1 << 20;

/** A request of our own API that has been let in and whose query is right. */
export interface ApiRequest {
  /** Decoded part of the path. */
  part(name: string): string;
  /** Value in the query, read as the endpoint says; undefined where it is not given. */
  query: Query;
  header(name: string): string | undefined;
  method: string;
  facts: RequestFacts;
  /** Who asks. */
  user: string;
  signal: AbortSignal;
  /** @throws CodedError `invalid-argument` naming each member that is wrong */
  body<T>(field: Field<T>, absent?: T): Promise<T>;
  /** The body piece by piece, whatever it is; it may take as long as it goes on coming. */
  upload(): Upload;
}

export interface Query {
  integer(name: string): number | undefined;
  flag(name: string): boolean;
  text(name: string): string | undefined;
}

export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return jsonText(JSON.stringify(value), status, headers);
}

/** An answer whose JSON is written already. */
export function jsonText(written: string, status = 200, headers: Record<string, string> = {}): Response {
  const text = `${written}\n`;
  const all = { ...headers, 'content-type': jsonType, 'content-length': String(Buffer.byteLength(text)) };
  return new Response(text, { status, headers: all });
}

/** @throws CodedError `invalid-argument` for a query that the endpoint does not have */
export function apiRequest(endpoint: Endpoint, context: StasisContext): ApiRequest {
  const facts = context.get('facts');
  const given = readQuery(endpoint, new URL(context.req.url).searchParams);
  const value = (name: string): unknown => given.get(name);
  return {
    part: (name) => context.req.param(name) ?? '',
    query: {
      integer: (name) => value(name) as number | undefined,
      flag: (name) => value(name) === true,
      text: (name) => value(name) as string | undefined,
    },
    header: (name) => context.req.header(name),
    method: context.req.method,
    facts,
    user: facts.user?.name ?? '',
    signal: context.get('signal'),
    upload() {
      const { incoming } = context.env;
      allowLongBody(incoming);
      const size = incoming.headers['content-length'];
      return { size: size === undefined ? undefined : Number(size), pieces: piecesOf(incoming) };
    },
    async body<T>(field: Field<T>, absent?: T): Promise<T> {
      const text = await bodyText(context);
      return text === '' && absent !== undefined ? absent : parseBody(text, field);
    },
  };
}

function readQuery({ query = {} }: Endpoint, given: URLSearchParams): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [name, text] of given) {
    const parameter = Object.hasOwn(query, name) ? query[name] : undefined;
    if (!parameter) throw wrong(`${JSON.stringify(name)} is no parameter of this path`);
    if (values.has(name)) throw wrong(`${name} is given twice`);
    if (parameter.type === 'boolean') {
      if (text !== 'true' && text !== 'false')
        throw wrong(`${name} is ${JSON.stringify(text)}, neither true nor false`);
      values.set(name, text === 'true');
    } else if (parameter.type === 'integer') {
      const number = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
      if (!(number <= parameter.maximum)) {
        throw wrong(`${name} is ${JSON.stringify(text)}, not a whole number up to ${parameter.maximum}`);
      }
      values.set(name, number);
    } else {
      if (parameter.values && !parameter.values.includes(text)) {
        throw wrong(`${name} is ${JSON.stringify(text)}, not one of ${parameter.values.join(', ')}`);
      }
      values.set(name, text);
    }
  }
  for (const [name, parameter] of Object.entries(query)) {
    if (parameter.type === 'string' && parameter.required && !values.has(name))
      throw wrong(`${name} is missing`);
  }
  return values;
}

function wrong(message: string): CodedError {
  return new CodedError('invalid-argument', message);
}

/** @throws CodedError `cancelled` where the client goes before all of it has come */
async function* piecesOf(incoming: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* incoming.iterator({ destroyOnReturn: false });
  } catch (error) {
    throw new CodedError('cancelled', 'the upload was broken off', { cause: error });
  }
}

async function bodyText(context: StasisContext): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  // The answer that it is too long still has to go out on the same connection.
  for await (const piece of context.env.incoming.iterator({ destroyOnReturn: false })) {
    size += piece.length;
    if (size > bodyLimit) {
      throw new CodedError('resource-exhausted', `the body has more than ${bodyLimit} bytes`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

function parseBody<T>(text: string, field: Field<T>): T {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw wrong('the body is not JSON');
  }
  const reading = new Reading();
  const read = field(data, '', reading);
  if (read !== undefined && reading.problems.length === 0) return read;
  throw wrong(
    `the body: ${reading.problems.map(({ path, message }) => `${path || 'it'} ${message}`).join('; ')}`,
  );
}
