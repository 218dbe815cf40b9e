import type { MemberPlace } from '../api/archive-shapes.ts';
import { writeFrames } from '../archive/frames-writer.ts';
import { defaultLimits } from '../archive/limits.ts';
import { nameProblem } from '../archive/member-name.ts';
import { endMark, writeMember, writeTar } from '../archive/tar-writer.ts';
import { readChunks } from '../bytes/byte-source.ts';
import { type CapturedConsole, capturedConsole } from '../cli/captured-console.ts';
import { diffCheckpoints } from '../cli/diff-checkpoints.ts';
import { eachMember, type Inside, listMembers } from '../cli/list-members.ts';
import { type Sparse, withCore, withStretch } from '../cli/memory-commands.ts';
import { parseMemory } from '../cli/parse-memory.ts';
import { verifyCheckpoints } from '../cli/verify-checkpoints.ts';
import { CodedError } from '../errors/coded-error.ts';
import { openImage } from '../localfs/build-image.ts';
import { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import { codec } from '../localfs/codec.ts';
import { extractedMembers } from '../localfs/extract-checkpoints.ts';
import { containerPath } from '../pods/described-containers.ts';
import type { PrintTask, ReadTask, Where } from '../pods/look-tasks.ts';

/** The command line's own work on one archive, with its text and its bytes going to a client. */

const never = new AbortController().signal;

/** The text of the command line's JSON. @param runtimeEndpoint of the node, where it is not its own */
export async function printed(task: PrintTask, runtimeEndpoint = ''): Promise<string> {
  const console = capturedConsole();
  await print(task, runtimeEndpoint, console);
  return console.out.text.trimEnd();
}

async function print(task: PrintTask, endpoint: string, console: CapturedConsole): Promise<void> {
  const { archive } = task;
  if (task.kind === 'verify') {
    const flags = { needs: true, 'against-node': task.againstNode, 'container-runtime-endpoint': endpoint };
    await verifyCheckpoints([archive.path], { ...flags, format: 'json' }, console);
  } else if (task.kind === 'members') {
    const path = await placeOf(archive, task.place.container);
    await listMembers(path, { ...insideOf(task.place), deleted: task.deleted, format: 'json' }, console);
  } else if (task.kind === 'memory') {
    const flags = { context: 0, output: '', pid: 0, search: '', 'search-regex': '' };
    const path = await placeOf(archive, task.container);
    await parseMemory([path], { ...flags, format: 'json' }, console);
  } else {
    const { container, ...asked } = task.request;
    const [a, b] = [await placeOf(archive, container), await placeOf(task.other, container)];
    const flags = {
      files: asked.files === true,
      sockets: asked.sockets === true,
      mounts: asked.mounts === true,
      rootfs: asked.rootfs === true,
      memory: asked.memory === true,
      'ps-tree-cmd': asked.arguments === true,
      'ps-tree-env': asked.environment === true,
    };
    await diffCheckpoints(a, b, { ...flags, format: 'json', 'show-unchanged': false }, console);
  }
}

/** The archive, or the one container of it that is named. */
function placeOf(archive: Where, container: string | undefined): Promise<string> | string {
  return container === undefined ? archive.path : containerPath(archive, container, never);
}

function insideOf(place: MemberPlace): Inside {
  return { rootfs: place.rootfs === true, in: place.in ?? '' };
}

export type Send = (piece: Uint8Array) => Promise<void>;

/** Sends the bytes that were asked for. */
export async function sendBytes(task: ReadTask, send: Send): Promise<void> {
  if (task.kind === 'extract') return sendExtracted(task, send);
  const { archive } = task;
  if (task.kind === 'member') {
    const path = await placeOf(archive, task.place.container);
    return eachMember(path, [task.name], insideOf(task.place), { signal: never }, async (_, content) => {
      await sendAll(readChunks(content, pieceSize), send);
    });
  }
  if (task.kind === 'extractMembers') return sendMembers(task, send);
  if (task.kind === 'image') return sendImage(archive, task.name, send);
  const console = capturedConsole();
  if (task.kind === 'core') {
    const path = await placeOf(archive, task.container);
    return withCore(path, task.pid, {}, console, (core) => sendSparse(core, send));
  }
  const { container, pid = 0, range = '', map = '' } = task.request;
  const path = await placeOf(archive, container);
  return withStretch(path, { pid, range, map }, console, (stretch) => sendSparse(stretch, send));
}

/** Bytes of one piece: a few of them wait at the other end. */
const pieceSize = 1 << 18;
/** What is sent in place of holes. */
const zeros = new Uint8Array(pieceSize);

async function sendAll(pieces: AsyncIterable<Uint8Array>, send: Send): Promise<void> {
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += pieceSize) await send(piece.subarray(at, at + pieceSize));
  }
}

/** @throws CodedError `resource-exhausted` where there is more of it than of any archive */
async function sendSparse(sparse: Sparse, send: Send): Promise<void> {
  const most = defaultLimits.totalBytes;
  if (sparse.size > most) {
    throw new CodedError(
      'resource-exhausted',
      `it has ${sparse.size} bytes with its holes, more than ${most}`,
      {
        hint: 'download the archive, and write the file with stasis coredump or memdump: it has holes there',
      },
    );
  }
  let sent = 0;
  const fill = async (to: number): Promise<void> => {
    for (; sent < to; sent += Math.min(pieceSize, to - sent)) await send(zeros.subarray(0, to - sent));
  };
  for await (const { offset, bytes } of sparse.parts()) {
    await fill(offset);
    await sendAll(once(bytes), send);
    sent = offset + bytes.length;
  }
  await fill(sparse.size);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** As a tar, each when its turn has come. */
async function sendMembers(
  { archive, request }: ReadTask & { kind: 'extractMembers' },
  send: Send,
): Promise<void> {
  const path = await placeOf(archive, request.container);
  await eachMember(path, request.members, insideOf(request), { signal: never }, async (name, content) => {
    const problem = nameProblem(name);
    // Whoever unpacks the tar need not be as careful as we are.
    if (problem) throw new CodedError('invalid-argument', `${JSON.stringify(name)} has ${problem}`);
    await sendAll(writeMember({ name, content }), send);
  });
  await send(endMark);
}

async function sendImage({ path, kind }: Where, name: string, send: Send): Promise<void> {
  if (kind === 'pod') {
    throw new CodedError('unsupported', 'no image is made of the archive of a pod', {
      hint: 'convert one of its containers to the engine that is to restore it, and build of that',
    });
  }
  const image = await openImage({ checkpoint: path, image: name });
  try {
    await sendAll(writeTar(image.files), send);
  } finally {
    await image.close();
  }
}

async function sendExtracted(
  { directory, compression }: ReadTask & { kind: 'extract' },
  send: Send,
): Promise<void> {
  const checkpoints = new CheckpointsDirectory(directory);
  const list = await checkpoints.read();
  if (!list) throw new CodedError('not-found', `${checkpoints.listPath} is not there: no pod is listed`);
  const sandboxes = list.pods.map(({ sandboxId }) => sandboxId);
  const members = await extractedMembers(checkpoints, sandboxes, {});
  await sendAll(
    compression === 'none' ? writeTar(members) : writeFrames(members, { compression, codec }),
    send,
  );
}
