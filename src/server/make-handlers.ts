import type { EditRequest, InsertResult, MadeArchive } from '../api/archive-shapes.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { MakeRequest } from '../pods/node-control.ts';
import { type ApiRequest, json } from './api-request.ts';
import { convertRequest, editRequest } from './archive-requests.ts';
import type { ApiOptions, Handlers } from './stasis-routes.ts';

type Names = 'convert' | 'edit' | 'insert';

/** New archives that are made of those on the node. They count as checkpoints where these are limited. */
export function makeHandlers(options: ApiOptions): Handlers<Names> {
  return {
    convert: async (request) => {
      const asked = await request.body(convertRequest);
      return made(options, request, { kind: 'convert', request: asked });
    },
    edit: async (request) => {
      const asked = await request.body(editRequest);
      requireEdit(asked);
      return made(options, request, { kind: 'edit', request: asked });
    },
    insert: async (request) => {
      const leave = enter(options, request.user);
      try {
        const { pods, archives } = await options.node.insert(request.upload(), request.signal);
        request.facts.changed = archives;
        const answer: InsertResult = { apiVersion: 'stasis/v1', kind: 'InsertResult', pods };
        return json(answer, 201);
      } finally {
        leave();
      }
    },
  };
}

async function made(options: ApiOptions, request: ApiRequest, wanted: MakeRequest): Promise<Response> {
  const { node } = options;
  const of = await node.findCheckpoint(request.part('checkpoint'), request.signal);
  const leave = enter(options, request.user);
  try {
    const { checkpoint, notes } = await node.makeArchive(of, wanted, request.signal);
    request.facts.archive = checkpoint.path;
    const answer: MadeArchive = {
      ...{ apiVersion: 'stasis/v1', kind: 'MadeArchive' },
      ...{ checkpoint, of: of.name, notes },
    };
    return json(answer, 201);
  } finally {
    leave();
  }
}

/** A place among those that work for this user. @throws CodedError `busy` */
export function enter({ limits }: Pick<ApiOptions, 'limits'>, user: string): () => void {
  const leave = limits.enter(user);
  if (typeof leave === 'function') return leave;
  const { why, retryAfter } = leave;
  throw new CodedError('busy', why, { data: { retryAfter } });
}

function requireEdit({ ports = {}, annotations = {}, image }: EditRequest): void {
  const wrong = Object.keys(ports).find((port) => !/^[1-9][0-9]{0,4}$/.test(port));
  if (wrong !== undefined) {
    throw new CodedError(
      'invalid-argument',
      `the body: ports has ${JSON.stringify(wrong)}, which is no port`,
    );
  }
  if (Object.keys(ports).length + Object.keys(annotations).length > 0 || image !== undefined) return;
  throw new CodedError('invalid-argument', 'the body has none of ports, annotations and image');
}
