import type { MigrationFacts } from '../../checkpointmanager/define.ts';
import type { ContainerIdOf, ContainerOf } from '../../kubeletstate/cpu-manager.ts';
import type { ContainerOnNode } from '../../kubeletstate/node-facts.ts';
import { UsageError } from '../command.ts';
import { type Examined, type ExamineOptions, examine, type StateReport } from './examine.ts';

/** What a V1 file of the CPU manager needs to be read or written; `missing` says why nothing is known. */
export interface KnownContainers {
  facts: MigrationFacts;
  missing: string | undefined;
}

/** What is needed to say who a container is. */
interface ContainerFlags {
  'root-dir': string;
  'runtime-endpoint': string;
  offline: boolean;
  container: readonly string[];
}

/**
 * {@link examine} of all targets, and once more where a file among them names containers by id and something is
 * known of them: from `--container`, and from the runtime of the node whose files they are.
 */
export async function examineNamed(
  targets: readonly string[],
  options: ExamineOptions,
  flags: ContainerFlags,
): Promise<Examined[]> {
  const all = async (how: ExamineOptions): Promise<Examined[]> =>
    (await Promise.all(targets.map((target) => examine(target, how)))).flat();
  const files = await all(options);
  const ask = options.onNode || flags['runtime-endpoint'] !== '' || flags.container.length > 0;
  if (!ask || !files.some(({ report }) => report.version === 'v1' && namesContainers(report))) return files;
  // A runtime of this machine knows nothing of the containers of another one's files.
  const offline = flags.offline || !(options.onNode || flags['runtime-endpoint'] !== '');
  const known = await knownContainers({ ...flags, offline });
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
 * @throws UsageError for another form; CodedError `unavailable` when the runtime at `runtime-endpoint` does not answer
 */
export async function knownContainers(flags: ContainerFlags): Promise<KnownContainers> {
  const named = flags.container.map(parseContainer);
  const { nodeContainers } = await import('../../runtime/cri/node-pods.ts');
  const { containers: running, silent } = flags.offline
    ? {}
    : await nodeContainers(flags['root-dir'], flags['runtime-endpoint'] || undefined);
  const byId = new Map([...(running ?? []), ...named]);
  const byName = new Map([...byId].map(([id, { podUid, container }]) => [`${podUid}/${container}`, id]));
  const containerOf: ContainerOf = (id) => byId.get(id);
  const containerIdOf: ContainerIdOf = (podUid, container) => byName.get(`${podUid}/${container}`);
  const why = flags.offline
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
    throw new UsageError(`--container "${text}" is not of the form ID=POD-UID/NAME`);
  return [id, { podUid, container }];
}
