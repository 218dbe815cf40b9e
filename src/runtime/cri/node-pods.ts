import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import { ContainerState } from '../../gen/cri/v1/api_pb.ts';
import type { ContainerOnNode, PodOnNode } from '../../kubeletstate/node-facts.ts';
import { type CriSocket, openSocket } from './cri-runtime.ts';
import { discoverEndpoint, parseEndpoint } from './endpoint.ts';
import { whyNoAnswer } from './socket-session.ts';

/** Milliseconds for an answer. */
const patience = 10_000;

/** The node's pods, and where that is known from. */
export interface NodePods {
  pods: Map<string, PodOnNode>;
  /** Socket of the runtime that was asked; without one the kubelet's folders are all that is known. */
  asked: string | undefined;
}

/**
 * The pods of the node: those with a folder below the kubelet's root, and those that the container runtime
 * has. A pod without either is gone. Undefined when neither is to be seen.
 * @param endpoint the runtime's socket; discovered when left out, and then it need not answer
 * @throws CodedError `unavailable`, `invalid-argument` when the runtime at `endpoint` cannot be asked
 */
export async function nodePods(root: string, endpoint?: string): Promise<NodePods | undefined> {
  const folders = await readdir(join(root, 'pods')).catch(() => undefined);
  const running = await ask(root, endpoint, async ({ runtime }) => {
    return (await runtime.listPodSandbox({}, { timeoutMs: patience })).items;
  });
  if (!folders && !running) return undefined;
  const pods = new Map<string, PodOnNode>((folders ?? []).map((uid) => [uid, {}]));
  for (const { metadata } of running?.answer ?? []) {
    if (metadata) pods.set(metadata.uid, { namespace: metadata.namespace, name: metadata.name });
  }
  return { pods, asked: running?.path };
}

/**
 * The containers that the runtime has, by id; of one name in one pod the running one, or else the newest, comes
 * last. Undefined when no runtime is to be found or answers.
 * @param endpoint as for {@link nodePods}
 */
export async function nodeContainers(
  root: string,
  endpoint?: string,
): Promise<Map<string, ContainerOnNode> | undefined> {
  const found = await ask(root, endpoint, async ({ runtime }) => {
    return (await runtime.listContainers({}, { timeoutMs: patience })).containers;
  });
  if (!found) return undefined;
  const running = (state: ContainerState): number => (state === ContainerState.CONTAINER_RUNNING ? 1 : 0);
  const sorted = found.answer.toSorted(
    (a, b) => running(a.state) - running(b.state) || Number(a.createdAt - b.createdAt),
  );
  const containers = new Map<string, ContainerOnNode>();
  for (const { id, labels, metadata } of sorted) {
    const podUid = labels['io.kubernetes.pod.uid'];
    const container = labels['io.kubernetes.container.name'] ?? metadata?.name;
    // What others than a kubelet run has no pod.
    if (podUid !== undefined && container !== undefined) containers.set(id, { podUid, container });
  }
  return containers;
}

async function ask<T>(
  root: string,
  endpoint: string | undefined,
  question: (socket: CriSocket) => Promise<T>,
): Promise<{ answer: T; path: string } | undefined> {
  try {
    const found =
      endpoint === undefined
        ? await discoverEndpoint({ kubeletRoot: root })
        : { path: parseEndpoint(endpoint, '--runtime-endpoint') };
    if (!found) return undefined;
    const socket = openSocket(found.path);
    try {
      return { answer: await question(socket), path: found.path };
    } catch (error) {
      const message = `asking the container runtime at ${found.path}: ${whyNoAnswer(error)}`;
      throw new CodedError('unavailable', message, { cause: error });
    } finally {
      socket.close();
    }
  } catch (error) {
    if (endpoint !== undefined || !(error instanceof CodedError)) throw error;
    return undefined;
  }
}
