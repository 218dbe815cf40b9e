import type { KnownContainers } from '../../nodestate/container-ids.ts';
import type { Examined, ExamineOptions } from '../../nodestate/examined.ts';
import { nodeAnswers } from '../../runtime/cri/node-answers.ts';
import { type TargetValues, usageOf } from './flags.ts';

/** What is needed to say who a container is. */
type ContainerValues = TargetValues & { container: readonly string[] };

/** What to compare with, as the flags say. @throws UsageError for a value of no known form */
export async function examineOptions(flags: TargetValues, onNode: boolean): Promise<ExamineOptions> {
  const state = await import('../../nodestate/examine-options.ts');
  const query = {
    ...placeOf(flags),
    kubeletVersion: flags['kubelet-version'] || undefined,
    kubeletConfig: flags['kubelet-config'] || undefined,
    featureGates: flags['feature-gates'],
  };
  return orUsage(state.examineOptions(query, onNode, nodeAnswers));
}

/** All files at the targets, with who their containers are. @throws UsageError as {@link knownContainers} */
export async function examineNamed(
  targets: readonly string[],
  options: ExamineOptions,
  flags: ContainerValues,
): Promise<Examined[]> {
  const state = await import('../../nodestate/container-ids.ts');
  return orUsage(state.examineNamed(targets, options, containersOf(flags), nodeAnswers));
}

/** Which container has which id. @throws UsageError for a `--container` of another form */
export async function knownContainers(flags: ContainerValues): Promise<KnownContainers> {
  const state = await import('../../nodestate/container-ids.ts');
  return orUsage(state.knownContainers(containersOf(flags), nodeAnswers));
}

function containersOf(flags: ContainerValues) {
  return { ...placeOf(flags), offline: flags.offline, containers: flags.container };
}

function placeOf(flags: TargetValues) {
  return { rootDirectory: flags['root-dir'], runtimeEndpoint: flags['runtime-endpoint'] || undefined };
}

function orUsage<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => {
    throw usageOf(error);
  });
}
