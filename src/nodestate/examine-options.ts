import { CodedError } from '../errors/coded-error.ts';
import type { NodeFacts } from '../kubeletstate/node-facts.ts';
import { readKubeletConfig } from '../localfs/kubelet-config.ts';
import { kubeletFlags } from '../localfs/kubelet-flags.ts';
import { machineFacts } from '../localfs/machine-facts.ts';
import type { ExamineOptions } from './examined.ts';
import { parseMinor } from './kubernetes-minor.ts';
import type { NodeAnswers } from './node-answers.ts';

/** Which node the state files are of, and which kubelet judges them. */
export interface NodeQuery {
  /** The kubelet's. */
  rootDirectory: string;
  /** Socket of the container runtime; looked for when left out. */
  runtimeEndpoint?: string | undefined;
  /** Like `1.31`; the newest kubelet that accepts a file when left out. */
  kubeletVersion?: string | undefined;
  /** The kubelet's configuration file; where it usually is when left out. */
  kubeletConfig?: string | undefined;
  /** `Gate=true,Other=false`, besides those of the configuration. */
  featureGates?: string | undefined;
}

/**
 * What to compare with, gathered as far as it can be had; not `onNode` only what the query names.
 * @throws MalformedValue for a version of no known form; CodedError for a configuration that cannot be read, and
 * `unavailable`, `invalid-argument` when the runtime at a given endpoint cannot be asked
 */
export async function examineOptions(
  query: NodeQuery,
  onNode: boolean,
  node: NodeAnswers,
): Promise<ExamineOptions> {
  const { kubeletVersion, featureGates = '' } = query;
  const facts = onNode ? await gather(query, node) : await configured(query);
  const minor = kubeletVersion === undefined ? undefined : parseMinor(kubeletVersion);
  const gates = new Set([...parseGates(featureGates), ...(facts.config?.featureGates ?? [])]);
  return { facts, gates, onNode, ...(minor === undefined ? {} : { minor }) };
}

async function configured({ rootDirectory, kubeletConfig }: NodeQuery): Promise<NodeFacts> {
  if (kubeletConfig === undefined) return {};
  const config = await readKubeletConfig(rootDirectory, kubeletConfig);
  return config ? { config } : {};
}

async function gather(
  { rootDirectory: root, kubeletConfig, runtimeEndpoint }: NodeQuery,
  node: NodeAnswers,
): Promise<NodeFacts> {
  const machine = await machineFacts();
  const config = await readKubeletConfig(root, kubeletConfig, await kubeletFlags(root));
  const known = await node.pods(root, runtimeEndpoint);
  // A kubelet that is down is the usual reason to be here.
  const served = await node.resources(root).catch((error: unknown) => {
    if (error instanceof CodedError) return error.message;
    throw error;
  });
  const silent = {
    ...(known.silent === undefined ? {} : { runtime: known.silent }),
    ...(typeof served === 'string' ? { kubelet: served } : {}),
  };
  return {
    ...machine,
    ...(config ? { config } : {}),
    ...(known.pods ? { pods: known.pods } : {}),
    ...(served === undefined || typeof served === 'string' ? {} : { containerResources: served }),
    ...(Object.keys(silent).length > 0 ? { silent } : {}),
  };
}

/** Gates as they are written on command lines: `A=true,B=false`. */
function parseGates(text: string): Set<string> {
  const on = text.split(',').filter((each) => /^[A-Za-z]+=true$/.test(each));
  return new Set(on.map((each) => each.slice(0, each.indexOf('='))));
}
