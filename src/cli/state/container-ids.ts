import type { MigrationFacts } from '../../checkpointmanager/define.ts';
import type { ContainerIdOf, ContainerOf } from '../../kubeletstate/cpu-manager.ts';
import type { ContainerOnNode } from '../../kubeletstate/node-facts.ts';
import { UsageError } from '../command.ts';
import type { Examined } from './examine.ts';

/** What a V1 file of the CPU manager needs to be read or written; `missing` says why nothing is known. */
export interface KnownContainers {
  facts: MigrationFacts;
  missing: string | undefined;
}

/** Whether a file names its containers by id, or has to for the kubelet of `minor`. */
export function needsContainerIds(files: readonly Examined[], minor: number): boolean {
  return files.some(
    ({ report }) => report.kind === 'cpu-manager' && (report.version === 'v1' || minor < 18) && report.valid,
  );
}

/**
 * Which container has which id: as given, and as the container runtime says.
 * @param given `ID=POD-UID/NAME` each
 * @throws UsageError for another form; CodedError `unavailable` when the runtime at `runtime-endpoint` does not answer
 */
export async function knownContainers(
  flags: { 'root-dir': string; 'runtime-endpoint': string; offline: boolean },
  given: readonly string[],
): Promise<KnownContainers> {
  const named = given.map(parseContainer);
  const { nodeContainers } = await import('../../runtime/cri/node-pods.ts');
  const running = flags.offline
    ? undefined
    : await nodeContainers(flags['root-dir'], flags['runtime-endpoint'] || undefined);
  const byId = new Map([...(running ?? []), ...named]);
  const byName = new Map([...byId].map(([id, { podUid, container }]) => [`${podUid}/${container}`, id]));
  const containerOf: ContainerOf = (id) => byId.get(id);
  const containerIdOf: ContainerIdOf = (podUid, container) => byName.get(`${podUid}/${container}`);
  const why = flags.offline ? 'with --offline no container runtime is asked' : 'no container runtime answers';
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
