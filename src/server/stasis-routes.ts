import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { jsonType } from '../api/kubelet-checkpoint.ts';
import {
  apiRoot,
  type CheckpointSummary,
  type DeviceSummary,
  type DrainResult,
  type List,
  type PodSummary,
  type RestoreRequest,
  type RestoreResult,
} from '../api/stasis.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { NodeControl } from '../pods/node-control.ts';
import type { StasisApp, StasisContext } from './app.ts';
import { parseRange } from './range.ts';

const version = 'stasis/v1';
/** Bytes of a request's body that we are willing to read. */
const bodyLimit = 1 << 20;

/** Adds our own API: everything that a person can do with the command line on this node. */
export function addStasisRoutes(app: StasisApp, node: NodeControl): void {
  app.get(`${apiRoot}/node`, async (context) => json(await node.status(signalOf(context))));
  app.get(`${apiRoot}/pods`, async (context) => {
    const items = await node.pods(signalOf(context));
    return json({ apiVersion: version, kind: 'PodList', items } satisfies List<PodSummary>);
  });
  app.get(`${apiRoot}/devices`, async (context) => {
    const items = await node.devices(signalOf(context));
    return json({ apiVersion: version, kind: 'DeviceList', items } satisfies List<DeviceSummary>);
  });
  app.delete(`${apiRoot}/pods/:namespace/:name`, async (context) => {
    await node.deletePod(context.req.param('namespace'), context.req.param('name'), signalOf(context));
    return new Response(null, { status: 204 });
  });
  app.post(`${apiRoot}/pods/:namespace/:name/checkpoint`, async (context) => {
    const { namespace, name } = context.req.param();
    const made = await node.checkpointPod(namespace, name, timeoutOf(context), signalOf(context));
    context.get('facts').archive = made.archive;
    return json(made);
  });
  app.post(`${apiRoot}/drain`, async (context) => {
    const pods = await node.drain(timeoutOf(context), signalOf(context));
    return json({ apiVersion: version, kind: 'DrainResult', pods } satisfies DrainResult);
  });
  app.post(`${apiRoot}/uncordon`, async (context) => {
    await node.uncordon(signalOf(context));
    return json(await node.status(signalOf(context)));
  });
  app.post(`${apiRoot}/restore`, async (context) => {
    const request = restoreRequest(await bodyOf(context));
    context.get('facts').archive = request.archive;
    const pod = await node.restore(request, signalOf(context));
    return json({ apiVersion: version, kind: 'RestoreResult', pod } satisfies RestoreResult);
  });
  addCheckpointRoutes(app, node);
}

function addCheckpointRoutes(app: StasisApp, node: NodeControl): void {
  const find = async (context: StasisContext): Promise<CheckpointSummary> => {
    const name = context.req.param('name') ?? '';
    const found = (await node.checkpoints(signalOf(context))).find((item) => item.name === name);
    if (!found) throw new CodedError('not-found', `this node has no checkpoint ${JSON.stringify(name)}`);
    context.get('facts').archive = found.path;
    return found;
  };
  app.get(`${apiRoot}/checkpoints`, async (context) => {
    const items = await node.checkpoints(signalOf(context));
    return json({ apiVersion: version, kind: 'CheckpointList', items } satisfies List<CheckpointSummary>);
  });
  app.get(`${apiRoot}/checkpoints/:name`, async (context) => json(await find(context)));
  app.get(`${apiRoot}/checkpoints/:name/archive`, async (context) => download(context, await find(context)));
  app.delete(`${apiRoot}/checkpoints/:name`, async (context) => {
    const { name } = await find(context);
    await node.deleteCheckpoint(name, signalOf(context));
    return new Response(null, { status: 204 });
  });
}

/** The bytes of an archive, or the range of them that is asked for, so that a download can be resumed. */
function download(context: StasisContext, { path, size, created }: CheckpointSummary): Response {
  const tag = `"${size.toString(16)}-${Date.parse(created).toString(16)}"`;
  const headers: Record<string, string> = {
    'content-type': 'application/x-tar',
    'accept-ranges': 'bytes',
    etag: tag,
    'cache-control': 'no-store',
  };
  const condition = context.req.header('if-range');
  const wanted = condition === undefined || condition === tag ? context.req.header('range') : undefined;
  const range = parseRange(wanted, size);
  if (range === 'unsatisfiable') {
    return new Response(null, { status: 416, headers: { ...headers, 'content-range': `bytes */${size}` } });
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  headers['content-length'] = String(end - start + 1);
  if (range) headers['content-range'] = `bytes ${start}-${end}/${size}`;
  const status = range ? 206 : 200;
  if (context.req.method === 'HEAD' || size === 0) return new Response(null, { status, headers });
  const stream = createReadStream(path, { start, end });
  return new Response(Readable.toWeb(stream) as ReadableStream, { status, headers });
}

function json(value: unknown): Response {
  const text = `${JSON.stringify(value)}\n`;
  const headers = { 'content-type': jsonType, 'content-length': String(Buffer.byteLength(text)) };
  return new Response(text, { status: 200, headers });
}

function signalOf(context: StasisContext): AbortSignal {
  return context.req.raw.signal;
}

/** Seconds; 0 where nothing is asked for. Unlike the kubelet's API, ours says plainly that it is no number. */
function timeoutOf(context: StasisContext): number {
  const text = context.req.query('timeout');
  if (text === undefined) return 0;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new CodedError('invalid-argument', `timeout is ${JSON.stringify(text)}, not a number of seconds`);
}

async function bodyOf(context: StasisContext): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of context.env.incoming as AsyncIterable<Uint8Array>) {
    size += piece.length;
    if (size > bodyLimit)
      throw new CodedError('resource-exhausted', `the body has more than ${bodyLimit} bytes`);
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString());
  } catch {
    throw new CodedError('invalid-argument', 'the body is not JSON');
  }
}

function restoreRequest(body: unknown): RestoreRequest {
  const known = ['archive', 'name', 'namespace'];
  if (typeof body !== 'object' || body === null)
    throw new CodedError('invalid-argument', 'the body is no object');
  for (const [key, value] of Object.entries(body)) {
    if (!known.includes(key))
      throw new CodedError('invalid-argument', `the body has an unknown member ${key}`);
    if (typeof value !== 'string') throw new CodedError('invalid-argument', `${key} is not a text`);
  }
  const request = body as RestoreRequest;
  if (!request.archive?.startsWith('/')) {
    throw new CodedError('invalid-argument', 'archive is not the absolute path of a file on the node');
  }
  const label = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
  for (const key of ['name', 'namespace'] as const) {
    const value = request[key];
    if (value !== undefined && !label.test(value)) {
      throw new CodedError('invalid-argument', `${key} ${JSON.stringify(value)} is not a name`);
    }
  }
  return request;
}
