import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { ImageService, RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { openUnixSocket } from '../../grpc/socket-client.ts';
import { careForCheckpoints } from './care-for-checkpoints.ts';
import { careForPodRestores } from './care-for-pod-restores.ts';
import { careForPods } from './care-for-pods.ts';
import { careForRestores, clearScratch } from './care-for-restores.ts';
import { endAgain } from './end-again.ts';
import { type Ability, checkpointAbility, identify, type RuntimeFacts, versionOf } from './handshake.ts';
import { LateFreezes } from './late-freezes.ts';
import { CheckpointNotes, letRun, letRunNow } from './let-run.ts';

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
          late.watch(id);
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
