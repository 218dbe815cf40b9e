import { readChunks } from '../bytes/byte-source.ts';
import type { JsonObject } from '../bytes/go-json.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { objectIn, readDump } from '../checkpoint/dump-json.ts';
import { archiveKind, podMemberNames } from '../checkpoint/layout.ts';
import { messageOf } from '../errors/coded-error.ts';
import { checkpointedPodsFile } from '../kubeletstate/checkpointed-pods.ts';
import { sha256 } from '../localfs/sha256.ts';
import { CommandError } from './command.ts';
import type { Console } from './console.ts';
import { openCheckpoint } from './open.ts';
import { printable } from './output/escape.ts';

/** The containers' archives in the archive of a pod, or in one that `extract` made: `pod.tar` → `pod.tar/client`. */
export interface PodArchive {
  /** As it was given. */
  path: string;
  /** Paths that `openCheckpoint` takes. */
  containers: readonly string[];
}

/**
 * What is in the archive of a pod, or of several; undefined for every other path, also for one that cannot be
 * opened: whoever opens it says why.
 */
export async function podArchive(path: string, console: Console): Promise<PodArchive | undefined> {
  if (path === '-') return undefined;
  const checkpoint = await openCheckpoint(path, { limits: console.limits, signal: console.signal }).catch(
    () => undefined,
  );
  if (checkpoint === undefined) return undefined;
  try {
    const found = await archivesIn(checkpoint, console.signal);
    if (found === undefined) return undefined;
    const inside = found.names.map((name) => `${path}/${name}`).sort();
    if (found.kind === 'pod') {
      return { path, containers: inside.map((name) => name.slice(0, -'.tar'.length)) };
    }
    const pods = await Promise.all(inside.map((each) => podArchive(each, console)));
    return { path, containers: pods.flatMap((pod) => pod?.containers ?? []) };
  } catch {
    return undefined;
  } finally {
    await checkpoint.close();
  }
}

/** Names of the archives in an archive of one pod, or of a list of them. */
async function archivesIn(
  checkpoint: Checkpoint,
  signal: AbortSignal,
): Promise<{ kind: 'pod' | 'pods'; names: string[] } | undefined> {
  if (checkpoint.sequential && !(await startsAsPods(checkpoint, signal))) return undefined;
  const members = await checkpoint.members(signal);
  const has = (name: string): boolean => members.get(name) !== undefined;
  const kind = has(checkpointedPodsFile) ? 'pods' : archiveKind(has);
  if (kind !== 'pod' && kind !== 'pods') return undefined;
  return { kind, names: members.files.flatMap(({ name }) => (/^[^/]+\.tar$/.test(name) ? [name] : [])) };
}

/** Whether its first file is one that archives of pods start with: a container's need not be read to its end. */
async function startsAsPods(checkpoint: Checkpoint, signal: AbortSignal): Promise<boolean> {
  for await (const { member } of checkpoint.stream(signal)) {
    return member.name === podMemberNames.podDump || member.name === checkpointedPodsFile;
  }
  return false;
}

/** The same paths, with the containers of a pod in place of its archive. */
export async function withContainersOfPods(paths: readonly string[], console: Console): Promise<string[]> {
  const all: string[] = [];
  for (const path of paths) all.push(...((await podArchive(path, console))?.containers ?? [path]));
  return all;
}

/** The path itself, or the only container of a pod. @throws CommandError naming the containers of one with more */
export async function oneContainer(path: string, console: Console): Promise<string> {
  const pod = await podArchive(path, console);
  if (pod === undefined) return path;
  const [only, ...others] = pod.containers;
  if (only !== undefined && others.length === 0) return only;
  throw new CommandError(`${printable(path)} is the checkpoint of a pod`, {
    hint: `name one of its containers: ${pod.containers.map(printable).join(', ')}`,
  });
}

/** Whether an archive with these members is that of a pod, or of a list of pods. */
export function isOfPods(names: readonly string[]): boolean {
  const kind = archiveKind((name) => names.includes(name));
  return kind === 'pod' || (kind === undefined && names.includes(checkpointedPodsFile));
}

/** What is wrong with how the archive of a pod describes itself. */
export async function podProblems(checkpoint: Checkpoint, signal: AbortSignal): Promise<string[]> {
  const members = await checkpoint.members(signal);
  if (!members.get(podMemberNames.podDump)) return [];
  const problems: string[] = [];
  try {
    await readDump(checkpoint, podMemberNames.podDump, signal);
    const options = await readDump(checkpoint, podMemberNames.podOptions, signal);
    for (const [name, file] of objectIn(options, 'containers', podMemberNames.podOptions)) {
      const found = members.get(String(file)) ?? members.get(`${String(file)}.tar`);
      if (found === undefined) problems.push(`the archive ${String(file)} of container ${name} is missing`);
    }
    problems.push(...(await volumeProblems(checkpoint, options, signal)));
  } catch (error) {
    problems.push(messageOf(error));
  }
  return problems;
}

/** Archives of volumes that are missing, or not what was written at the checkpoint. */
async function volumeProblems(
  checkpoint: Checkpoint,
  options: JsonObject,
  signal: AbortSignal,
): Promise<string[]> {
  const members = await checkpoint.members(signal);
  const problems: string[] = [];
  for (const [name, listed] of objectIn(options, 'volumes', podMemberNames.podOptions)) {
    const facts = listed instanceof Map ? listed : new Map();
    const file = String(facts.get('file'));
    const member = members.get(file);
    if (member === undefined) {
      problems.push(`the archive ${file} of volume ${name} is missing`);
      continue;
    }
    const hash = sha256();
    const content = await checkpoint.open(file);
    for await (const piece of readChunks(content, 1 << 20, signal)) hash.update(piece);
    if (hash.digest() !== facts.get('sha256')) problems.push(`${file}: the digest of volume ${name} differs`);
  }
  return problems;
}
