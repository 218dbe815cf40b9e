import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodOnNode } from '../kubeletstate/node-facts.ts';
import { unaryCall } from './unary-call.ts';

/** Where container runtimes answer by default. */
const endpoints = ['/run/containerd/containerd.sock', '/var/run/crio/crio.sock', '/var/run/cri-dockerd.sock'];

/** The node's pods, and where that is known from. */
export interface NodePods {
  pods: Map<string, PodOnNode>;
  /** The runtime's pods could be asked for; otherwise the kubelet's folders are all that is known. */
  asked: string | undefined;
}

/**
 * The pods of the node: those with a folder below the kubelet's root, and those that the container runtime
 * has. A pod without either is gone. Undefined when neither is to be seen.
 * @param endpoint the runtime's socket; the usual places when left out.
 */
export async function nodePods(root: string, endpoint?: string): Promise<NodePods | undefined> {
  const folders = await readdir(join(root, 'pods')).catch(() => undefined);
  const socket = endpoint ?? (await firstSocket());
  const running = socket === undefined ? undefined : await sandboxes(socket, endpoint !== undefined);
  if (!folders && !running) return undefined;
  const pods = new Map<string, PodOnNode>((folders ?? []).map((uid) => [uid, {}]));
  for (const [uid, pod] of running ?? []) pods.set(uid, pod);
  return { pods, asked: running ? socket : undefined };
}

async function firstSocket(): Promise<string | undefined> {
  for (const path of endpoints) if ((await stat(path).catch(() => undefined))?.isSocket()) return path;
  return undefined;
}

async function sandboxes(socket: string, required: boolean): Promise<Map<string, PodOnNode> | undefined> {
  try {
    const path = socket.replace(/^unix:\/\//, '');
    const answer = await unaryCall(path, '/runtime.v1.RuntimeService/ListPodSandbox', new Uint8Array());
    const { fromBinary } = await import('@bufbuild/protobuf');
    const { ListPodSandboxResponseSchema } = await import('../gen/cri/v1/api_pb.ts');
    const pods = new Map<string, PodOnNode>();
    for (const { metadata } of fromBinary(ListPodSandboxResponseSchema, answer).items) {
      if (metadata) pods.set(metadata.uid, { namespace: metadata.namespace, name: metadata.name });
    }
    return pods;
  } catch (error) {
    if (required) throw error;
    return undefined;
  }
}
