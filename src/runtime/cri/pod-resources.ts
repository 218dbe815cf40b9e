import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { CodedError } from '../../errors/coded-error.ts';
import { PodResourcesLister } from '../../gen/podresources/v1/api_pb.ts';
import { whyNoAnswer } from '../../grpc/socket-session.ts';
import type { ContainerResources } from '../../kubeletstate/node-facts.ts';
import { openSocket } from './cri-runtime.ts';

/** Where a kubelet answers, below its root directory. */
const socket = 'pod-resources/kubelet.sock';
/** Milliseconds for an answer. */
const patience = 5000;

/**
 * What the kubelet says its containers have, under `namespace/pod/container`: PodResources, `List`, v1.
 * Undefined where no kubelet has ever made its socket.
 * @param root the kubelet's root directory
 * @throws CodedError `unavailable` when no kubelet answers in time, or answers with an error
 */
export async function podResources(root: string): Promise<Map<string, ContainerResources> | undefined> {
  const path = join(root, socket);
  if ((await stat(path).catch(() => undefined)) === undefined) return undefined;
  const connection = openSocket(path);
  try {
    const kubelet = createClient(PodResourcesLister, connection.transport);
    const { podResources: pods } = await kubelet.list({}, { timeoutMs: patience });
    const found = new Map<string, ContainerResources>();
    for (const { namespace, name: pod, containers } of pods) {
      for (const { name, cpuIds, devices: lists } of containers) {
        const devices = new Map<string, string[]>();
        for (const { resourceName, deviceIds } of lists) {
          // A device of several NUMA nodes comes once for each.
          devices.set(resourceName, [...new Set([...(devices.get(resourceName) ?? []), ...deviceIds])]);
        }
        const cpus = [...new Set(cpuIds.map(Number))].sort((a, b) => a - b);
        found.set(`${namespace}/${pod}/${name}`, { cpus, devices });
      }
    }
    return found;
  } catch (error) {
    const message = `asking the kubelet at ${path} for pod resources: ${whyNoAnswer(error)}`;
    throw new CodedError('unavailable', message, { cause: error });
  } finally {
    connection.close();
  }
}
