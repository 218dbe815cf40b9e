import type { MemberPlace } from '../api/archive-shapes.ts';
import type { CheckpointSummary } from '../api/stasis.ts';
import type { ReadTask } from '../pods/look-tasks.ts';
import { type ApiRequest, jsonText } from './api-request.ts';
import { membersRequest } from './archive-requests.ts';
import { attachment } from './download.ts';
import type { ApiOptions, Handlers } from './stasis-routes.ts';
import { streamed } from './streamed.ts';

type Names =
  | 'verify'
  | 'members'
  | 'member'
  | 'extractMembers'
  | 'diff'
  | 'memory'
  | 'memoryContent'
  | 'core'
  | 'image'
  | 'extract';

const binary = 'application/octet-stream';
const tar = 'application/x-tar';

/** What is taken out of archives. All of it is memory, or may be; what goes wrong is not told in a log. */
export function archiveHandlers({ node }: ApiOptions): Handlers<Names> {
  const find = async ({ part, facts, signal }: ApiRequest): Promise<CheckpointSummary> => {
    facts.aboutContents = true;
    const found = await node.findCheckpoint(part('checkpoint'), signal);
    facts.archive = found.path;
    return found;
  };
  const read = (task: ReadTask, request: ApiRequest, type: string, name: string): Promise<Response> =>
    streamed(node.look.read(task, request.signal), request, {
      'content-type': type,
      'content-disposition': attachment(name),
    });
  return {
    verify: async (request) => {
      const archive = await find(request);
      const againstNode = request.query.flag('againstNode');
      return jsonText(await node.look.print({ kind: 'verify', archive, againstNode }, request.signal));
    },
    members: async (request) => {
      const archive = await find(request);
      const deleted = request.query.flag('deleted');
      const task = { kind: 'members', archive, place: placeIn(request), deleted } as const;
      return jsonText(await node.look.print(task, request.signal));
    },
    member: async (request) => {
      const archive = await find(request);
      const name = request.query.text('name') ?? '';
      const task = { kind: 'member', archive, place: placeIn(request), name } as const;
      return read(task, request, binary, name.split('/').at(-1) ?? name);
    },
    extractMembers: async (request) => {
      const asked = await request.body(membersRequest);
      const archive = await find(request);
      return read({ kind: 'extractMembers', archive, request: asked }, request, tar, 'members.tar');
    },
    diff: async (request) => {
      const { query, signal } = request;
      const archive = await find(request);
      const other = await node.findCheckpoint(query.text('with') ?? '', signal);
      const container = query.text('container');
      const asked = {
        ...(container === undefined ? {} : { container }),
        files: query.flag('files'),
        sockets: query.flag('sockets'),
        mounts: query.flag('mounts'),
        rootfs: query.flag('rootfs'),
        memory: query.flag('memory'),
        arguments: query.flag('arguments'),
        environment: query.flag('environment'),
      };
      return jsonText(await node.look.print({ kind: 'diff', archive, other, request: asked }, signal));
    },
    memory: async (request) => {
      const archive = await find(request);
      const container = request.query.text('container');
      return jsonText(await node.look.print({ kind: 'memory', archive, container }, request.signal));
    },
    memoryContent: async (request) => {
      const { query } = request;
      const archive = await find(request);
      const [container, range, map] = [query.text('container'), query.text('range'), query.text('map')];
      const asked = {
        ...(container === undefined ? {} : { container }),
        ...(range === undefined ? {} : { range }),
        ...(map === undefined ? {} : { map }),
        pid: query.integer('pid') ?? 0,
      };
      return read({ kind: 'memoryContent', archive, request: asked }, request, binary, 'memory.bin');
    },
    core: async (request) => {
      const { query } = request;
      const archive = await find(request);
      const pid = query.integer('pid') ?? 0;
      const task = { kind: 'core', archive, container: query.text('container'), pid } as const;
      return read(task, request, binary, pid === 0 ? 'core' : `core.${pid}`);
    },
    image: async (request) => {
      const archive = await find(request);
      const name = request.query.text('name') ?? '';
      return read({ kind: 'image', archive, name }, request, tar, 'image.oci.tar');
    },
    extract: (request) => {
      const compression = request.query.text('compress') as 'none' | 'gzip' | 'zstd' | undefined;
      return streamed(node.extract(compression ?? 'none', request.signal), request, {
        'content-type': tar,
        'content-disposition': attachment('checkpoints.tar'),
      });
    },
  };
}

function placeIn({ query }: ApiRequest): MemberPlace {
  const [container, inside] = [query.text('container'), query.text('in')];
  return {
    ...(container === undefined ? {} : { container }),
    ...(inside === undefined ? {} : { in: inside }),
    rootfs: query.flag('rootfs'),
  };
}
