import { readdir, rm, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { toJson } from '@bufbuild/protobuf';
import { podAnnotations, podMemberNames } from '../../checkpoint/layout.ts';
import { CodedError, messageOf } from '../../errors/coded-error.ts';
import { type PodSandboxConfig, PodSandboxConfigSchema } from '../../gen/cri/v1/api_pb.ts';
import { writeFileAtomic } from '../../localfs/atomic-file.ts';
import { json } from './checkpoint-metadata.ts';

/** The folder that a caller of `CheckpointPod` gives. @throws CodedError `invalid-argument` */
export async function checkPodFolder(path: string): Promise<void> {
  const what = `output_path ${JSON.stringify(path)}`;
  if (!isAbsolute(path)) throw new CodedError('invalid-argument', `${what} is not an absolute path`);
  const info = await stat(path).catch((error: unknown) => {
    throw new CodedError('invalid-argument', `${what} cannot be used: ${messageOf(error)}`, { cause: error });
  });
  if (!info.isDirectory()) throw new CodedError('invalid-argument', `${what} is not a folder`);
  const found = await readdir(path);
  if (found.length > 0)
    throw new CodedError('invalid-argument', `${what} is not empty: ${found[0]} is in it`);
}

/** Nothing partial stays in it; the folder itself is the caller's. */
export async function clearPodFolder(path: string): Promise<void> {
  for (const left of await readdir(path)) await rm(join(path, left), { force: true, recursive: true });
}

/** Milliseconds that containers stay frozen for a caller who does not remove the folder. */
const longestHold = 15 * 60_000;
const lookInterval = 50;

/**
 * Resolves when the caller has removed the folder it was given: by then it has ended the containers, or has failed
 * and wants them back. One that forgets the folder does not keep them for ever.
 * @param closing we end, and cannot wait any longer
 */
export async function whenRemoved(folder: string, closing?: AbortSignal): Promise<void> {
  const end = performance.now() + longestHold;
  const kept = (): Promise<boolean> =>
    stat(folder).then(
      () => true,
      () => false,
    );
  do await sleep(lookInterval);
  while (performance.now() < end && !closing?.aborted && (await kept()));
}

/** @throws CodedError `invalid-argument` for anything but `true` and `false`. */
export function isTrue(key: string, value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw new CodedError(
    'invalid-argument',
    `option ${key} is ${JSON.stringify(value)}; it can be true or false`,
  );
}

/** `<container name>.tar`. */
export function podArchiveName(container: string): string {
  return `${container}.tar`;
}

/** A container as it was selected for a checkpoint of its pod. */
export interface Selected {
  id: string;
  /** As the pod calls it. */
  name: string;
  sandboxId: string;
}

/** @throws CodedError `invalid-argument` for a selection that the contract forbids. */
export function checkSelection(sandboxId: string, selected: readonly Selected[]): void {
  if (selected.length === 0) throw new CodedError('invalid-argument', 'container_ids is empty');
  const seen = new Set<string>();
  for (const { id, name, sandboxId: own } of selected) {
    if (own !== sandboxId) {
      throw new CodedError('invalid-argument', `container ${name} (${id}) is not one of pod ${sandboxId}`);
    }
    if (seen.has(name)) throw new CodedError('invalid-argument', `container ${name} (${id}) is given twice`);
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) {
      throw new CodedError('invalid-argument', `${JSON.stringify(name)} cannot be the name of a file`);
    }
    seen.add(name);
  }
}

/** Writes `pod.dump` and `pod.options`, which say how the archives belong together. */
export async function describePod(
  folder: string,
  sandbox: PodSandboxConfig,
  containers: readonly string[],
  frozenMicroseconds: number,
): Promise<void> {
  const config = toJson(PodSandboxConfigSchema, sandbox, { useProtoFieldName: true });
  await writeFileAtomic(join(folder, podMemberNames.podDump), json(config));
  const annotations = {
    ...sandbox.annotations,
    [podAnnotations.frozenMicroseconds]: String(frozenMicroseconds),
  };
  const archives = Object.fromEntries(containers.map((name) => [name, podArchiveName(name)]));
  await writeFileAtomic(
    join(folder, podMemberNames.podOptions),
    json({ version: 1, containers: archives, annotations }),
  );
}
