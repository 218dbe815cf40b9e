import { randomInt } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import { parseDump } from '../../checkpoint/dump-json.ts';
import { readIdentity } from '../../checkpoint/identity.ts';
import { memberNames } from '../../checkpoint/layout.ts';
import { isBind, providedMounts } from '../../conversion/mounts.ts';
import { namespaceUse } from '../../conversion/source.ts';
import { grpcStatus } from '../../errors/code.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { type CreateContainerRequest, RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { explainLog, longestLog } from '../../inspect/dump-log.ts';
import { privateDirectory } from '../../localfs/atomic-file.ts';
import { convertArchive } from '../../localfs/convert-archive.ts';
import { makeDirectories } from '../../localfs/make-directories.ts';
import { openCheckpoint } from '../../localfs/open-checkpoint.ts';
import { explainFailure } from './explain-failure.ts';
import type { RuntimeQuirks, RuntimeVersion } from './quirks.ts';
import { type ArchivedShape, restoreRequest } from './restore-request.ts';

export interface RestoreCare {
  quirks: RuntimeQuirks;
  version: RuntimeVersion;
  /** Private folder for archives that were converted; they hold memory. */
  scratch: string;
}

/** Empties the folder of what an earlier process has left in it. */
export async function clearScratch(scratch: string): Promise<void> {
  await rm(scratch, { recursive: true, force: true });
  await makeDirectories(scratch, privateDirectory);
}

/**
 * What is done around each `CreateContainer` whose image is the path of an archive: whoever made it, it becomes
 * one of the runtime's own, and the request says what CRIU will want to find. A failure of it, and of the
 * `StartContainer` that follows, has a `CodedError` with a hint as its cause.
 */
export function careForRestores(care: RestoreCare): Interceptor {
  const restoring = new Set<string>();
  return (next) => async (request) => {
    if (request.method === RuntimeService.method.startContainer) {
      const { containerId } = request.message as unknown as { containerId: string };
      const begun = Date.now();
      try {
        return await next(request);
      } catch (error) {
        if (!restoring.has(containerId)) throw error;
        throw await explainedRestore(error, care.quirks, begun);
      } finally {
        restoring.delete(containerId);
      }
    }
    if (request.method !== RuntimeService.method.createContainer) return next(request);
    const message = request.message as unknown as CreateContainerRequest;
    if (!message.config?.image?.image.startsWith('/')) return next(request);
    const output = join(care.scratch, `${randomInt(2 ** 47)}.tar`);
    const begun = Date.now();
    try {
      const made = await prepared(care, message, output, request.signal);
      const answer = await next({ ...request, message: made as never });
      const { containerId } = (answer as unknown as { message: { containerId: string } }).message;
      restoring.add(containerId);
      return answer;
    } catch (error) {
      if (!(error instanceof CodedError)) throw await explainedRestore(error, care.quirks, begun);
      throw new ConnectError(error.message, grpcStatus(error.code) as Code, undefined, undefined, error);
    } finally {
      await rm(output, { force: true });
    }
  };
}

async function prepared(
  { quirks, version, scratch }: RestoreCare,
  message: CreateContainerRequest,
  output: string,
  signal: AbortSignal,
): Promise<CreateContainerRequest> {
  const { restores } = quirks;
  const refusal = restores
    ? restores.refusal(version)
    : { why: 'it is not known to restore', hint: undefined };
  if (!restores || refusal) {
    throw new CodedError(
      'unsupported',
      `${quirks.title} ${version.major}.${version.minor} does not restore containers: ${refusal?.why}`,
      { hint: refusal?.hint ?? 'restore on the built-in runtime' },
    );
  }
  const archive = message.config?.image?.image ?? '';
  await makeDirectories(scratch, privateDirectory);
  const image = await nameInPlaceOfId(archive, signal);
  await convertArchive(archive, output, { target: restores.target, image, signal });
  return restoreRequest(message, output, await shapeOf(output, signal), providedMounts(restores.target));
}

const imageId = /^(?:sha256:)?[0-9a-f]{64}$/;

/**
 * The image's name, where containerd wrote its id where it looks for what to ask a registry for: it does so for an
 * image that was loaded and not pulled. Undefined where the archive is fine, or has no name.
 */
async function nameInPlaceOfId(archive: string, signal: AbortSignal): Promise<string | undefined> {
  const checkpoint = await openCheckpoint(archive, { signal });
  try {
    const { engine, image, imageRequested, imageRef } = await readIdentity(checkpoint, signal);
    if (engine !== 'containerd' || !imageId.test(imageRef)) return undefined;
    return [image, imageRequested].find((name) => name !== '' && !imageId.test(name));
  } finally {
    await checkpoint.close();
  }
}

/** Which parts of the specification a new one has to repeat. */
async function shapeOf(archive: string, signal: AbortSignal): Promise<ArchivedShape> {
  const checkpoint = await openCheckpoint(archive, { signal });
  try {
    const spec = parseDump(await checkpoint.read(memberNames.specDump, { signal }), memberNames.specDump);
    const linux = spec?.get('linux');
    const list = (key: string): string[] => {
      const value = linux instanceof Map ? linux.get(key) : undefined;
      return (Array.isArray(value) ? value : []).filter((one) => typeof one === 'string');
    };
    const mounts = spec?.get('mounts');
    const bound = (Array.isArray(mounts) ? mounts : []).filter((one) => one instanceof Map && isBind(one));
    return {
      maskedPaths: list('maskedPaths'),
      readonlyPaths: list('readonlyPaths'),
      bound: bound.map((one) => String((one as Map<string, unknown>).get('destination') ?? '')),
      sharedProcesses: spec !== undefined && namespaceUse(spec, 'pid') === 'joined',
    };
  } finally {
    await checkpoint.close();
  }
}

/** The failure with what is known of its cause: the runtime's words, or CRIU's log where it is kept. */
async function explainedRestore(error: unknown, quirks: RuntimeQuirks, begun: number): Promise<ConnectError> {
  const rpc = ConnectError.from(error);
  const log = await keptLog(begun);
  const found = log === undefined ? undefined : explainLog(log);
  const known = explainFailure(rpc, quirks.restores?.failures ?? []);
  const said =
    found && `${found.meaning ?? `CRIU says: ${found.line}`}${found.hint ? `: ${found.hint}` : ''}`;
  const hint = said ?? known.hint;
  if (hint === undefined) return rpc;
  const cause = new CodedError('internal', rpc.rawMessage, { cause: error, hint });
  return new ConnectError(rpc.rawMessage, rpc.code, rpc.metadata, undefined, cause);
}

/** Files in which programs are told how to call CRIU. */
export const criuSettings: readonly string[] = [
  '/etc/criu/crun.conf',
  '/etc/criu/runc.conf',
  '/etc/criu/default.conf',
];

/**
 * CRIU's log of a restore that began after `begun`. Runtimes remove their own; it is there where the settings of
 * CRIU name a file.
 */
async function keptLog(begun: number): Promise<string | undefined> {
  for (const settings of criuSettings) {
    const text = await readFile(settings, 'utf8').catch(() => '');
    const path = /^\s*log-file\s*=?\s*(\/\S+)/m.exec(text)?.[1];
    const found = path === undefined ? undefined : await stat(path).catch(() => undefined);
    if (path === undefined || !found?.isFile() || found.mtimeMs < begun - 1000) continue;
    if (found.size <= longestLog) return readFile(path, 'latin1').catch(() => undefined);
  }
  return undefined;
}
