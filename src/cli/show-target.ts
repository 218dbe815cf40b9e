import { stat } from 'node:fs/promises';
import type { Checkpoint, MemberList } from '../checkpoint/checkpoint.ts';
import { archiveKind } from '../checkpoint/layout.ts';
import { messageOf } from '../errors/coded-error.ts';
import { type CheckpointedPod, checkpointedPodsFile } from '../kubeletstate/checkpointed-pods.ts';
import type { ListedPod } from '../localfs/checkpoints-directory.ts';
import type { Flags, FlagValues, Invocation } from './command.ts';
import type { Console } from './console.ts';
import { listMissing, readFailed, targetMissing, unpackFailed } from './kubelet-messages.ts';
import { checkpointsDirectory, openExtracted } from './open.ts';
import { boxedTable } from './output/boxed-table.ts';
import { printable } from './output/escape.ts';

type TargetFlags = Flags & {
  target: { kind: 'string'; usage: string };
  'show-pod-uid': { kind: 'bool'; usage: string };
  'show-pod-ip': { kind: 'bool'; usage: string };
  'print-stats': { kind: 'bool'; usage: string };
};

interface Listing {
  /** Where the list was read. */
  path: string;
  pods: readonly ListedPod[];
}

/** Prints the pods that are listed in a kubelet checkpoints directory or in an extracted archive. */
export async function showTarget<F extends TargetFlags>({ flags, console }: Invocation<F>): Promise<number> {
  const { target } = flags as FlagValues<TargetFlags>;
  const shown = flags as FlagValues<TargetFlags>;
  if (await isArchive(target)) console.out.write(await archiveText(target, shown, console));
  else console.out.write(listingText(await listDirectory(target), shown));
  return 0;
}

async function isArchive(target: string): Promise<boolean> {
  if (target === '-') return true;
  const found = await stat(target).catch((error: unknown) => {
    throw targetMissing(target, error);
  });
  return found.isFile();
}

function listingText({ path, pods }: Listing, flags: FlagValues<TargetFlags>): string {
  return `\nDisplaying data from ${printable(path)}\n\n${podTable(pods, flags)}`;
}

/** What an archive holds, opened once: standard input comes only once. */
async function archiveText(
  target: string,
  flags: FlagValues<TargetFlags>,
  console: Console,
): Promise<string> {
  const archive = await openExtracted(target, { limits: console.limits }).catch((error: unknown) => {
    throw unpackFailed(target, error);
  });
  try {
    const members = await archive.members().catch((error: unknown) => {
      throw unpackFailed(target, error);
    });
    const other = await otherText(target, archive, members, flags);
    return other ?? listingText(await listArchive(target, archive, members), flags);
  } finally {
    await archive.close();
  }
}

/** The table of a container's or a pod's archive; undefined for any other, which then has to be an extracted one. */
async function otherText(
  target: string,
  archive: Checkpoint,
  members: MemberList,
  flags: FlagValues<TargetFlags>,
): Promise<string | undefined> {
  if (members.get(checkpointedPodsFile)) return undefined;
  const kind = archiveKind((name) => members.get(name) !== undefined);
  if (!kind) return undefined;
  const { containerTable, podArchiveTable } = await import('./show-one.ts');
  const table =
    kind === 'pod'
      ? await podArchiveTable(archive, flags['show-pod-uid'], flags['print-stats'])
      : await containerTable(archive, flags['print-stats']);
  return `\nDisplaying ${kind} checkpoint data from ${printable(target)}\n\n${table}`;
}

async function listDirectory(target: string): Promise<Listing> {
  const directory = await checkpointsDirectory(target);
  try {
    const list = await directory.read();
    if (!list) throw listMissing(directory.listPath);
    return { path: directory.listPath, pods: await directory.list() };
  } catch (error) {
    throw error instanceof Error && error.name === 'CommandError'
      ? error
      : readFailed(directory.listPath, error);
  }
}

async function listArchive(target: string, archive: Checkpoint, members: MemberList): Promise<Listing> {
  const { readExtractedList } = await import('../localfs/insert-checkpoints.ts');
  const { isSandboxId, podArchiveName } = await import('../kubeletstate/checkpointed-pods.ts');
  const path = `${target}/checkpointed.pods`;
  const list = await readExtractedList(archive).catch((error: unknown) => {
    throw readFailed(path, messageOf(error));
  });
  if (!list) throw listMissing(path);
  const holds = ({ sandboxId }: CheckpointedPod): boolean =>
    isSandboxId(sandboxId) && members.get(podArchiveName(sandboxId)) !== undefined;
  return { path, pods: list.pods.map((pod) => ({ pod, archive: undefined, found: holds(pod) })) };
}

function podTable(pods: readonly ListedPod[], flags: FlagValues<TargetFlags>): string {
  const headers = ['Pod', 'Namespace', 'Container', 'Image', 'Archive Found'];
  if (flags['show-pod-uid']) headers.push('Pod UID');
  if (flags['show-pod-ip']) headers.push('Pod IP');
  const rows = pods.flatMap(({ pod, found }) =>
    pod.containers.map(({ name, image }) => {
      const row = [pod.name, pod.namespace, name, image, String(found)];
      if (flags['show-pod-uid']) row.push(pod.uid);
      if (flags['show-pod-ip']) row.push(pod.podIP);
      return row;
    }),
  );
  return boxedTable(headers, rows);
}
