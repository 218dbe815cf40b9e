import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { parseCpuSet } from '../kubeletstate/cpuset.ts';
import type { KubeletConfig } from '../kubeletstate/node-facts.ts';
import type { Flags } from './kubelet-flags.ts';

type Document = Record<string, unknown>;

/** Largest configuration that is read, in bytes. */
const largest = 1 << 20;

/**
 * What the kubelet's configuration file says about CPUs, memory and gates, and its `flags`, which count for more;
 * undefined when there is neither. Without `path` the file is what `--config` says, or `config.yaml` in the root
 * directory, where kubeadm puts it.
 * @throws CodedError `corrupt` when it cannot be read as YAML.
 */
export async function readKubeletConfig(
  root: string,
  path?: string,
  flags: Flags = new Map(),
): Promise<KubeletConfig | undefined> {
  const document = await readDocument(
    path ?? flags.get('config') ?? join(root, 'config.yaml'),
    path !== undefined,
  );
  const said = flagsThatMatter.some((name) => flags.has(name));
  if (document === undefined && !said) return undefined;
  try {
    return fromDocument(withFlags(document ?? {}, flags));
  } catch (error) {
    throw new CodedError('corrupt', `reading the kubelet's configuration: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

const flagsThatMatter = ['cpu-manager-policy', 'memory-manager-policy', 'reserved-cpus', 'feature-gates'];

function withFlags(document: Document, flags: Flags): Document {
  const gates = (flags.get('feature-gates') ?? '').split(',').flatMap((text) => {
    const [, name, on] = /^([A-Za-z]+)=(true|false)$/i.exec(text) ?? [];
    return name === undefined ? [] : [[name, on?.toLowerCase() === 'true'] as const];
  });
  const options = (flags.get('cpu-manager-policy-options') ?? '')
    .split(',')
    .filter((each) => each.includes('='));
  const set = (member: string, flag: string): Document => {
    const value = flags.get(flag);
    return value === undefined ? {} : { [member]: value };
  };
  return {
    ...document,
    ...set('cpuManagerPolicy', 'cpu-manager-policy'),
    ...set('memoryManagerPolicy', 'memory-manager-policy'),
    ...set('reservedSystemCPUs', 'reserved-cpus'),
    featureGates: { ...(document['featureGates'] as Document | undefined), ...Object.fromEntries(gates) },
    ...(options.length > 0
      ? { cpuManagerPolicyOptions: Object.fromEntries(options.map((each) => each.split('='))) }
      : {}),
  };
}

async function readDocument(file: string, required: boolean): Promise<Document | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (!required) return undefined;
    throw new CodedError('not-found', `reading the kubelet's configuration: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (text.length > largest)
    throw new CodedError('resource-exhausted', `${file} is longer than ${largest} bytes`);
  const { parse } = await import('yaml');
  try {
    return (parse(text, { maxAliasCount: 10 }) ?? {}) as Document;
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
