import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { parseCpuSet } from '../kubeletstate/cpuset.ts';
import type { KubeletConfig } from '../kubeletstate/node-facts.ts';

type Document = Record<string, unknown>;

/** Largest configuration that is read, in bytes. */
const largest = 1 << 20;

/**
 * What the kubelet's configuration file says about CPUs, memory and gates; undefined when there is no file.
 * Without `path` it is `config.yaml` in the root directory, where kubeadm puts it.
 * @throws CodedError `corrupt` when it cannot be read as YAML.
 */
export async function readKubeletConfig(root: string, path?: string): Promise<KubeletConfig | undefined> {
  const file = path ?? join(root, 'config.yaml');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (path === undefined) return undefined;
    throw new CodedError('not-found', `reading the kubelet's configuration: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (text.length > largest)
    throw new CodedError('resource-exhausted', `${file} is longer than ${largest} bytes`);
  const { parse } = await import('yaml');
  try {
    return fromDocument((parse(text, { maxAliasCount: 10 }) ?? {}) as Document);
  } catch (error) {
    throw new CodedError('corrupt', `reading ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function fromDocument(document: Document): KubeletConfig {
  const reserved = document['reservedSystemCPUs'];
  const options = (document['cpuManagerPolicyOptions'] ?? {}) as Document;
  const gates = Object.entries((document['featureGates'] ?? {}) as Document);
  return {
    cpuManagerPolicy: String(document['cpuManagerPolicy'] ?? 'none'),
    memoryManagerPolicy: String(document['memoryManagerPolicy'] ?? 'None'),
    ...(typeof reserved === 'string' && reserved !== '' ? { reservedCpus: parseCpuSet(reserved) } : {}),
    strictReservation: String(options['strict-cpu-reservation']) === 'true',
    featureGates: new Set(gates.filter(([, on]) => on === true).map(([name]) => name)),
  };
}
