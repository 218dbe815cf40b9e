import { stat } from 'node:fs/promises';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import type { RuntimeService } from '../../gen/cri/v1/api_pb.ts';

type Runtime = Client<typeof RuntimeService>;

const patience = { timeoutMs: 10_000 };

/**
 * File of a pod's network namespace, as the runtime tells it of the pod's sandbox. Undefined where the pod has none
 * of its own or is gone: what happens on the node's network is not ours.
 */
export async function networkOfPod(runtime: Runtime, podSandboxId: string): Promise<string | undefined> {
  try {
    const { info } = await runtime.podSandboxStatus({ podSandboxId, verbose: true }, patience);
    const path = networkIn(info['info'] ?? '{}');
    if (path === undefined) return undefined;
    const [theirs, ours] = await Promise.all([stat(path), stat('/proc/self/ns/net')]);
    return theirs.ino === ours.ino && theirs.dev === ours.dev ? undefined : path;
  } catch (error) {
    const gone = error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (gone || ConnectError.from(error).code === Code.NotFound) return undefined;
    throw error;
  }
}

/** The network namespaces of the pods that these containers belong to, each once. */
export async function networkOfContainers(runtime: Runtime, ids: readonly string[]): Promise<string[]> {
  const { containers } = await runtime.listContainers({}, patience);
  const own = containers.filter(({ id }) => ids.includes(id));
  const sandboxes = [...new Set(own.map(({ podSandboxId }) => podSandboxId))];
  const networks = await Promise.all(sandboxes.map((id) => networkOfPod(runtime, id)));
  return networks.filter((network) => network !== undefined);
}

function networkIn(info: string): string | undefined {
  const { runtimeSpec } = JSON.parse(info) as {
    runtimeSpec?: { linux?: { namespaces?: { type?: unknown; path?: unknown }[] } };
  };
  const path = runtimeSpec?.linux?.namespaces?.find(({ type }) => type === 'network')?.path;
  return typeof path === 'string' && path.startsWith('/') ? path : undefined;
}
