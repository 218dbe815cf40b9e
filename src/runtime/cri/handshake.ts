import { type Client, Code, ConnectError } from '@connectrpc/connect';
import { CodedError } from '../../errors/coded-error.ts';
import type { RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { whyNoAnswer } from '../../grpc/socket-session.ts';
import { explainFailure } from './explain-failure.ts';
import { quirksOf } from './known-runtimes.ts';
import type { RuntimeQuirks } from './quirks.ts';

/** Who answers on a socket. */
export interface RuntimeFacts {
  /** As it calls itself: `containerd`, `cri-o`, `docker`. */
  name: string;
  /** `2.1.9+unknown` */
  version: string;
  apiVersion: string;
  quirks: RuntimeQuirks;
}

/**
 * Whether a runtime can checkpoint; where not, why, and what to do about it. `never` where only another runtime,
 * or another version of it, will.
 */
export type Ability = { can: true } | { can: false; never: boolean; why: string; hint?: string };

/** Milliseconds for an answer to a question that costs nothing. */
const patience = 10_000;

/** No container has this id: whatever is asked about it changes nothing. */
const nobody = '0'.repeat(64);

/**
 * Asks who is there.
 * @param path of the socket, for the message
 * @throws CodedError `unavailable` where nobody answers, `unsupported` where the CRI is older than v1
 */
export async function identify(
  runtime: Client<typeof RuntimeService>,
  path: string,
  signal?: AbortSignal,
): Promise<RuntimeFacts> {
  try {
    const found = await runtime.version({}, { timeoutMs: patience, ...(signal ? { signal } : {}) });
    return {
      name: found.runtimeName,
      version: found.runtimeVersion,
      apiVersion: found.runtimeApiVersion,
      quirks: quirksOf(found.runtimeName),
    };
  } catch (error) {
    const rpc = ConnectError.from(error);
    if (rpc.code === Code.Unimplemented) {
      throw new CodedError('unsupported', `the container runtime at ${path} does not speak CRI v1`, {
        cause: error,
        hint: 'containerd 1.6 and CRI-O 1.20 were the first that do; for checkpoints use containerd 2.1 or CRI-O 1.25, or newer',
      });
    }
    const { hint } = explainFailure(error, []);
    throw new CodedError(
      'unavailable',
      `asking the container runtime at ${path} who it is: ${whyNoAnswer(error)}`,
      {
        cause: error,
        ...(hint === undefined ? {} : { hint }),
      },
    );
  }
}

/**
 * Whether the runtime can checkpoint: by what is known of its version, and then by asking it for a checkpoint
 * of a container that does not exist. A runtime that would be able to says that it does not know the container.
 */
export async function checkpointAbility(
  runtime: Client<typeof RuntimeService>,
  facts: RuntimeFacts,
  signal?: AbortSignal,
): Promise<Ability> {
  const refusal = facts.quirks.refusal(versionOf(facts.version));
  if (refusal !== undefined) return { can: false, never: true, ...refusal };
  try {
    const options = { timeoutMs: patience, ...(signal ? { signal } : {}) };
    await runtime.checkpointContainer({ containerId: nobody, location: '/dev/null/none' }, options);
    return { can: true };
  } catch (error) {
    const rpc = ConnectError.from(error);
    const unknown =
      rpc.code === Code.NotFound || /find container|not found: ID|no such container/i.test(rpc.rawMessage);
    const { hint } = explainFailure(error, facts.quirks.failures);
    if (unknown) return { can: true };
    const never = rpc.code === Code.Unimplemented;
    return { can: false, never, why: rpc.rawMessage, ...(hint === undefined ? {} : { hint }) };
  }
}

/** Zeros where it has no such form. */
export function versionOf(text: string): { major: number; minor: number } {
  const [, major = '0', minor = '0'] = /^v?(\d{1,6})\.(\d{1,6})/.exec(text) ?? [];
  return { major: Number(major), minor: Number(minor) };
}
