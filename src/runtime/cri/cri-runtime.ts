import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  type Interceptor,
  type Transport,
  type UnaryResponse,
} from '@connectrpc/connect';
import { frozenUntilRemoved } from '../../api/cri-options.ts';
import { grpcStatus } from '../../errors/code.ts';
import { CodedError } from '../../errors/coded-error.ts';
import {
  type CheckpointPodRequest,
  CheckpointPodResponseSchema,
  ImageService,
  RuntimeService,
} from '../../gen/cri/v1/api_pb.ts';
import { openUnixSocket } from '../../grpc/socket-client.ts';
import { careForPodRestores, refusePodRestores } from './care-for-pod-restores.ts';
import { careForRestores, clearScratch } from './care-for-restores.ts';
import { endAgain } from './end-again.ts';
import { explainWithLog } from './explain-failure.ts';
import { type Ability, checkpointAbility, identify, type RuntimeFacts, versionOf } from './handshake.ts';
import { isGivenUp, LateFreezes } from './late-freezes.ts';
import { CheckpointNotes, cgroupOfContainer, letRun, letRunNow, type Resume, thawCgroup } from './let-run.ts';
import { cutPod, type PodCutTools } from './pod-cut.ts';
import type { Failure, RuntimeQuirks, RuntimeVersion } from './quirks.ts';

/** Milliseconds between two attempts to reach a runtime that has gone. */
const retryInterval = 250;
/** How often a checkpoint is begun that the remains of another one stop. */
const attempts = 4;

/** A connection to a container runtime's socket; it is made at the first call, and again after it was lost. */
export interface CriSocket {
  transport: Transport;
  runtime: Client<typeof RuntimeService>;
  images: Client<typeof ImageService>;
  close(): void;
}

/** @param path of the socket */
export function openSocket(path: string, interceptors: Interceptor[] = []): CriSocket {
  const { transport, close } = openUnixSocket(path, interceptors);
  return {
    transport,
    runtime: createClient(RuntimeService, transport),
    images: createClient(ImageService, transport),
    close,
  };
}

/** A container runtime that runs besides us. */
export interface CriRuntime {
  facts: RuntimeFacts;
  ability: Ability;
  /**
   * Calls go through it as they are, but for `CheckpointContainer`, `CheckpointPod` and `RestorePod`: a failure has
   * a `CodedError` with a hint as its cause, and the containers run again by the time it is told. Where the runtime
   * has none of its own, the second is made out of pauses and the first, and the third out of `CreateContainer`.
   */
  transport: Transport;
  /** Lets every container run that an earlier process was checkpointing when it was killed. @returns their ids */
  recover(): Promise<string[]>;
  close(): void;
}

export interface CriRuntimeOptions {
  /** Path of the socket. */
  path: string;
  /** Folder for notes about what is being checkpointed. */
  notes: string;
  /** Private folder for archives on their way into the runtime; without it they go there as they are. */
  scratch?: string;
  signal?: AbortSignal;
}

/**
 * Speaks with the container runtime on a socket. One that cannot checkpoint is no error: see `ability`.
 * @throws CodedError `unavailable` where nobody answers, `unsupported` where it does not speak CRI v1
 */
export async function openCriRuntime(options: CriRuntimeOptions): Promise<CriRuntime> {
  const plain = openSocket(options.path);
  try {
    const facts = await identify(plain.runtime, options.path, options.signal);
    const ability = await checkpointAbility(plain.runtime, facts, options.signal);
    const resume = facts.quirks.letRun?.(plain.transport);
    const notes = new CheckpointNotes(options.notes);
    const closing = new AbortController();
    const { failures, remains } = facts.quirks;
    const late = new LateFreezes({
      look: (id) => letRunNow(plain.runtime, resume, id),
      done: (id) => notes.remove(id),
    });
    const care = { runtime: plain.runtime, notes, late, resume, failures, remains, closing: closing.signal };
    const pause = facts.quirks.pause?.(plain.transport);
    const version = versionOf(facts.version);
    const cared: CriSocket = openSocket(options.path, [
      endAgain(facts.quirks.helperGone),
      careForCheckpoints(care),
      careForPods(care, pause, facts.quirks, version),
      careForPodRestores({ quirks: facts.quirks, version, cared: () => cared.runtime }),
      ...(await restoreCare(options.scratch, facts)),
    ]);
    return {
      facts,
      ability,
      transport: cared.transport,
      async recover() {
        const left = await notes.all();
        for (const id of left) {
          await letRun(plain.runtime, resume, id);
          await notes.remove(id);
        }
        return left;
      },
      close() {
        closing.abort();
        late.close();
        cared.close();
        plain.close();
      },
    };
  } catch (error) {
    plain.close();
    throw error;
  }
}

async function restoreCare(scratch: string | undefined, facts: RuntimeFacts): Promise<Interceptor[]> {
  if (scratch === undefined) return [];
  await clearScratch(scratch);
  return [careForRestores({ quirks: facts.quirks, version: versionOf(facts.version), scratch })];
}

type Pause = PodCutTools['pause'];

interface Care {
  runtime: Client<typeof RuntimeService>;
  notes: CheckpointNotes;
  late: LateFreezes;
  resume: Resume | undefined;
  failures: readonly Failure[];
  remains: RegExp | undefined;
  closing: AbortSignal;
}

/** What is done around each `CheckpointContainer`. */
function careForCheckpoints(care: Care): Interceptor {
  const { runtime, notes, late, failures } = care;
  return (next) => async (request) => {
    if (request.method !== RuntimeService.method.checkpointContainer) return next(request);
    const { containerId } = request.message as unknown as { containerId: string };
    // Needed where it fails only: the container does not wait for the answer.
    const cgroup = cgroupOfContainer(runtime, containerId).catch(() => undefined);
    await late.leave(containerId);
    await notes.add(containerId);
    try {
      const answer = await pastRemains(care, containerId, request.signal, () => next(request));
      await notes.remove(containerId);
      return answer;
    } catch (error) {
      await runsAgain(care, containerId, await cgroup, isGivenUp(error, request.signal));
      throw await explained(error, failures);
    }
  };
}

/** Calls again, a few times, where nothing but the end of a call that was given up was in the way. */
async function pastRemains<T>(
  { runtime, resume, remains }: Care,
  containerId: string,
  signal: AbortSignal,
  call: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const text = ConnectError.from(error).rawMessage;
      if (!remains?.test(text) || attempt === attempts || signal.aborted) throw error;
      await letRun(runtime, resume, containerId);
      await sleep(retryInterval * attempt, undefined, { signal });
    }
  }
}

/** `CheckpointPod`, also for a runtime that has none of its own. */
function careForPods(
  care: Care,
  pause: Pause | undefined,
  quirks: RuntimeQuirks,
  version: RuntimeVersion,
): Interceptor {
  const tools: PodCutTools | undefined = pause && {
    runtime: care.runtime,
    pause,
    resume: care.resume ?? (async () => false),
    begin: async (ids) => {
      for (const id of ids) {
        await care.late.leave(id);
        await care.notes.add(id);
      }
    },
    end: (ids, givenUp) => letAllRun(care, ids, givenUp),
  };
  return (next) => async (request) => {
    if (request.method !== RuntimeService.method.checkpointPod) return next(request);
    try {
      return await next(request);
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unimplemented) throw error;
    }
    try {
      if (tools === undefined) throw noPods(quirks);
      const message = request.message as unknown as CheckpointPodRequest;
      // Whoever ends a pod after its checkpoint means to restore it.
      if (Object.hasOwn(message.options, frozenUntilRemoved)) refusePodRestores(quirks, version);
      await cutPod(tools, message, request.signal);
    } catch (error) {
      if (error instanceof CodedError) {
        throw new ConnectError(error.message, grpcStatus(error.code) as Code, undefined, undefined, error);
      }
      throw await explained(error, care.failures);
    }
    const { service, method } = request;
    const message = create(CheckpointPodResponseSchema);
    const [header, trailer] = [new Headers(), new Headers()];
    return { stream: false, service, method, header, trailer, message } as UnaryResponse;
  };
}

function noPods({ title, noPods: why }: RuntimeQuirks): CodedError {
  return new CodedError(
    'unsupported',
    `${title} cannot checkpoint a whole pod: ${why ?? 'it has no CheckpointPod, and how to pause its containers is not known'}`,
    { hint: 'checkpoint its containers one by one, or use the built-in runtime or containerd' },
  );
}

async function letAllRun(care: Care, ids: readonly string[], givenUp: boolean): Promise<void> {
  await Promise.all(
    ids.map(async (id) => {
      const cgroup = await cgroupOfContainer(care.runtime, id).catch(() => undefined);
      await runsAgain(care, id, cgroup, givenUp);
    }),
  );
}

/**
 * Sees to it that a container runs, and forgets that it was noted once nothing can freeze it any more.
 * @param givenUp whether the runtime may still be at work for a call that nobody waits for
 */
async function runsAgain(
  care: Care,
  containerId: string,
  cgroup: string | undefined,
  givenUp: boolean,
): Promise<void> {
  try {
    await letRun(care.runtime, care.resume, containerId);
    if (givenUp) care.late.watch(containerId);
    else await care.notes.remove(containerId);
  } catch {
    // It ends by itself; no failure of it is news.
    void keepTrying(care, containerId, cgroup);
  }
}

/**
 * The runtime is gone: it is told that the container is to run once it is back. Its helpers may still be at work,
 * and freeze the container again when they end: until then it is thawed by its cgroup.
 */
async function keepTrying(care: Care, containerId: string, cgroup: string | undefined): Promise<void> {
  while (!care.closing.aborted) {
    try {
      await letRun(care.runtime, care.resume, containerId);
      return care.late.watch(containerId);
    } catch {
      // Not back yet; the note stays for the next start.
      if (cgroup !== undefined) await thawCgroup(cgroup).catch(() => false);
    }
    await sleep(retryInterval, undefined, { ref: false });
  }
}

async function explained(error: unknown, failures: readonly Failure[]): Promise<ConnectError> {
  const rpc = broken(ConnectError.from(error));
  const { hint } = await explainWithLog(rpc, failures);
  if (hint === undefined) return rpc;
  const cause = new CodedError('internal', rpc.rawMessage, { cause: error, hint });
  return new ConnectError(rpc.rawMessage, rpc.code, rpc.metadata, undefined, cause);
}

/** A connection that broke is told as such; Connect calls it a cancelled call. */
function broken(error: ConnectError): ConnectError {
  if (error.code !== Code.Canceled || !/stream closed/.test(error.rawMessage)) return error;
  return new ConnectError(
    'the connection to the container runtime broke',
    Code.Unavailable,
    undefined,
    undefined,
    error,
  );
}
