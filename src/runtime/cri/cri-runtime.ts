import { setTimeout as sleep } from 'node:timers/promises';
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
import { CheckpointNotes, hasEnded, letRunNow } from './let-run.ts';
import { PacketHolds, tellStarts } from './packet-holds.ts';
import { type Care, forget, letAllRun } from './runs-again.ts';

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
  /**
   * Sets right what an earlier process left when it was killed: every container that it was checkpointing runs, and
   * is looked after for a while. @returns their ids
   */
  recover(): Promise<string[]>;
  /** Nothing stays paused, as far as the runtime answers; what could not be let run is so at the next start. */
  close(): Promise<void>;
}

export interface CriRuntimeOptions {
  /** Path of the socket. */
  path: string;
  /** Folder for notes about what is being checkpointed. */
  notes: string;
  /** Folder for notes about restored pods whose packets are held back; without it none are. */
  holds?: string;
  /** Private folder for archives on their way into the runtime; without it they go there as they are. */
  scratch?: string;
  /** Told what could not be done and is no failure of a call. */
  log?(line: string): void;
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
    const [closing, over] = [new AbortController(), new AbortController()];
    const { failures, remains } = facts.quirks;
    const late = new LateFreezes({
      look: async (id) =>
        (await hasEnded(plain.runtime, id)) ? undefined : letRunNow(plain.runtime, resume, id),
      done: (id) => forget(care, [id], 'failed'),
    });
    const care: Care = {
      ...{ runtime: plain.runtime, notes, late, resume, failures, remains },
      ...{ background: new Set(), closing: closing.signal, over: over.signal },
    };
    const holds = holdsOf(options, plain);
    const pause = facts.quirks.pause?.(plain.transport);
    const version = versionOf(facts.version);
    const cared: CriSocket = openSocket(options.path, [
      endAgain(facts.quirks.helperGone),
      careForCheckpoints(care),
      careForPods(care, pause, facts.quirks, version),
      careForPodRestores({
        ...{ quirks: facts.quirks, version, cared: () => cared.runtime },
        hold: async (pod, ids) => holds?.hold(pod, ids),
      }),
      ...(holds ? [tellStarts(holds)] : []),
      ...(await restoreCare(options.scratch, facts)),
    ]);
    return {
      facts,
      ability,
      transport: cared.transport,
      async recover() {
        await holds?.recover();
        const left = await notes.all();
        const containers = left.map((id) => ({ id }));
        await letAllRun(care, containers, 'given up');
        return left;
      },
      async close() {
        closing.abort();
        await settled(care);
        over.abort();
        late.close();
        holds?.close();
        cared.close();
        plain.close();
      },
    };
  } catch (error) {
    plain.close();
    throw error;
  }
}

function holdsOf({ holds, log }: CriRuntimeOptions, { runtime }: CriSocket): PacketHolds | undefined {
  return holds === undefined
    ? undefined
    : new PacketHolds({ runtime, notes: holds, log: (line) => log?.(line) });
}

async function restoreCare(scratch: string | undefined, facts: RuntimeFacts): Promise<Interceptor[]> {
  if (scratch === undefined) return [];
  await clearScratch(scratch);
  return [careForRestores({ quirks: facts.quirks, version: versionOf(facts.version), scratch })];
}

/** Milliseconds for what is in the background to be over. Longer than a container is looked after. */
const longestEnd = 15_000;

/** Waits until all containers run that were held or may be frozen yet. */
async function settled({ background, late }: Care): Promise<void> {
  const enough = new AbortController();
  const idle = async (): Promise<void> => {
    do {
      await Promise.all(background);
      await late.idle();
    } while (background.size > 0);
  };
  const limit = sleep(longestEnd, undefined, { signal: enough.signal }).catch(() => undefined);
  await Promise.race([idle(), limit]);
  enough.abort();
}
