import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import { ContainerState } from '../../gen/cri/v1/api_pb.ts';
import { whyNoAnswer } from '../../grpc/socket-session.ts';
import type { ContainerOnNode, PodOnNode } from '../../kubeletstate/node-facts.ts';
import { type CriSocket, openSocket } from './cri-runtime.ts';
import { discoverEndpoint, parseEndpoint } from './endpoint.ts';

/** Milliseconds for an answer. */
const patience = 10_000;

/** What was learned of the node, and where from. */
interface Learned {
  /** Socket of the runtime that was asked. */
  asked: string | undefined;
  /** Why a runtime that is there was not asked, or did not answer. */
  silent: string | undefined;
}

/** The node's pods. Without `asked` the kubelet's folders are all that is known of them. */
export interface NodePods extends Learned {
  /** Undefined when there is nothing to know them from. */
  pods: Map<string, PodOnNode> | undefined;
}

/** The runtime's containers, by id. */
export interface NodeContainers extends Learned {
  /** Undefined when no runtime is to be found or answers. */
  containers: Map<string, ContainerOnNode> | undefined;
}

/**
 * The pods of the node: those with a folder below the kubelet's root, and those that the container runtime
 * has. A pod without either is gone.
 * @param endpoint the runtime's socket; discovered when left out, and then it need not answer
 * @throws CodedError `unavailable`, `invalid-argument` when the runtime at `endpoint` cannot be asked
 */
export async function nodePods(root: string, endpoint?: string): Promise<NodePods> {
  const folders = await readdir(join(root, 'pods')).catch(() => undefined);
  const { answer, ...learned } = await ask(root, endpoint, async ({ runtime }) => {
    return (await runtime.listPodSandbox({}, { timeoutMs: patience })).items;
  });
  if (!folders && !answer) return { pods: undefined, ...learned };
  const pods = new Map<string, PodOnNode>((folders ?? []).map((uid) => [uid, {}]));
  for (const { metadata } of answer ?? []) {
    if (metadata) pods.set(metadata.uid, { namespace: metadata.namespace, name: metadata.name });
  }
  return { pods, ...learned };
}

/**
 * The containers that the runtime has, by id; of one name in one pod the running one, or else the newest, comes
 * last.
 * @param endpoint as for {@link nodePods}
 */
export async function nodeContainers(root: string, endpoint?: string): Promise<NodeContainers> {
  const { answer, ...learned } = await ask(root, endpoint, async ({ runtime }) => {
    return (await runtime.listContainers({}, { timeoutMs: patience })).containers;
  });
  if (!answer) return { containers: undefined, ...learned };
  const running = (state: ContainerState): number => (state === ContainerState.CONTAINER_RUNNING ? 1 : 0);
  const sorted = answer.toSorted(
    (a, b) => running(a.state) - running(b.state) || Number(a.createdAt - b.createdAt),
  );
  const containers = new Map<string, ContainerOnNode>();
  for (const { id, labels, metadata } of sorted) {
    const podUid = labels['io.kubernetes.pod.uid'];
    const container = labels['io.kubernetes.container.name'] ?? metadata?.name;
    // What others than a kubelet run has no pod.
    if (podUid !== undefined && container !== undefined) containers.set(id, { podUid, container });
  }
  return { containers, ...learned };
}

async function ask<T>(
  root: string,
  endpoint: string | undefined,
  question: (socket: CriSocket) => Promise<T>,
): Promise<Learned & { answer: T | undefined }> {
  try {
    const found =
      endpoint === undefined
        ? await discoverEndpoint({ kubeletRoot: root })
        : { path: parseEndpoint(endpoint, '--runtime-endpoint') };
    if (!found) return { answer: undefined, asked: undefined, silent: undefined };
    const socket = openSocket(found.path);
    try {
      return { answer: await question(socket), asked: found.path, silent: undefined };
    } catch (error) {
      const message = `asking the container runtime at ${found.path}: ${whyNoAnswer(error)}`;
      throw new CodedError('unavailable', message, { cause: error });
    } finally {
      socket.close();
    }
  } catch (error) {
    if (endpoint !== undefined || !(error instanceof CodedError)) throw error;
    return { answer: undefined, asked: undefined, silent: error.message };
  }
}
