import type { MigrationFacts } from '../checkpointmanager/define.ts';
import type { ContainerIdOf, ContainerOf } from '../kubeletstate/cpu-manager.ts';
import type { ContainerOnNode } from '../kubeletstate/node-facts.ts';
import { examine } from './examine.ts';
import type { NodeQuery } from './examine-options.ts';
import type { Examined, ExamineOptions, StateReport } from './examined.ts';
import { MalformedValue } from './malformed-value.ts';
import type { NodeAnswers } from './node-answers.ts';

/** What a V1 file of the CPU manager needs to be read or written; `missing` says why nothing is known. */
export interface KnownContainers {
  facts: MigrationFacts;
  missing: string | undefined;
}

/** Whom to ask who containers are. */
export interface ContainerQuery extends Pick<NodeQuery, 'rootDirectory' | 'runtimeEndpoint'> {
  /** No container runtime is asked. */
  offline?: boolean;
  /** What is known already: `ID=POD-UID/NAME`. */
  containers?: readonly string[] | undefined;
}

/**
 * {@link examine} of all targets, and once more where a file among them names containers by id and something is
 * known of them: from the query, and from the runtime of the node whose files they are.
 * @throws CodedError as {@link knownContainers}
 */
export async function examineNamed(
  targets: readonly string[],
  options: ExamineOptions,
  query: ContainerQuery,
  node: NodeAnswers,
): Promise<Examined[]> {
  const { runtimeEndpoint, offline = false, containers = [] } = query;
  const all = async (how: ExamineOptions): Promise<Examined[]> =>
    (await Promise.all(targets.map((target) => examine(target, how)))).flat();
  const files = await all(options);
  // A runtime of this machine knows nothing of the containers of another one's files.
  const mayAsk = options.onNode || runtimeEndpoint !== undefined;
  if (!mayAsk && containers.length === 0) return files;
  if (!files.some(({ report }) => report.version === 'v1' && namesContainers(report))) return files;
  const known = await knownContainers({ ...query, offline: offline || !mayAsk }, node);
  return known.missing === undefined ? all({ ...options, containers: known.facts }) : files;
}

function namesContainers({ kind, valid }: StateReport): boolean {
  return kind === 'cpu-manager' && valid;
}

/** Whether a file names its containers by id, or has to for the kubelet of `minor`. */
export function needsContainerIds(files: readonly Examined[], minor: number): boolean {
  return files.some(({ report }) => namesContainers(report) && (report.version === 'v1' || minor < 18));
}

/**
 * Which container has which id: as given, and as the container runtime says.
 * @throws MalformedValue for another form; CodedError `unavailable`, `invalid-argument` when the runtime at a given
 * endpoint cannot be asked
 */
export async function knownContainers(
  { rootDirectory, runtimeEndpoint, offline = false, containers = [] }: ContainerQuery,
  node: NodeAnswers,
): Promise<KnownContainers> {
  const named = containers.map(parseContainer);
  const { containers: running, silent } = offline
    ? {}
    : await node.containers(rootDirectory, runtimeEndpoint);
  const byId = new Map([...(running ?? []), ...named]);
  const byName = new Map([...byId].map(([id, { podUid, container }]) => [`${podUid}/${container}`, id]));
  const containerOf: ContainerOf = (id) => byId.get(id);
  const containerIdOf: ContainerIdOf = (podUid, container) => byName.get(`${podUid}/${container}`);
  const why = offline
    ? 'with --offline no container runtime is asked'
    : (silent ?? 'no container runtime was found');
  return {
    facts: { containerOf, containerIdOf },
    missing:
      running || named.length > 0
        ? undefined
        : `${why}, and CPU manager files of Kubernetes 1.17 and before name containers by their ids: say ` +
          'where it is with --runtime-endpoint, or name them with --container ID=POD-UID/NAME',
  };
}

function parseContainer(text: string): [string, ContainerOnNode] {
  const [, id, podUid, container] = /^([^=/]+)=([^/]+)\/([^/]+)$/.exec(text) ?? [];
  if (id === undefined || podUid === undefined || container === undefined)
    throw new MalformedValue(`--container "${text}" is not of the form ID=POD-UID/NAME`);
  return [id, { podUid, container }];
}
