import { stat } from 'node:fs/promises';
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
  const found = await stat(target).catch((error: unknown) => {
    throw targetMissing(target, error);
  });
  if (found.isFile()) {
    const other = await showOther(target, flags as FlagValues<TargetFlags>, console);
    if (other !== undefined) {
      console.out.write(other);
      return 0;
    }
  }
  const { path, pods } = found.isFile() ? await listArchive(target, console) : await listDirectory(target);
  console.out.write(`\nDisplaying data from ${printable(path)}\n\n`);
  console.out.write(podTable(pods, flags as FlagValues<TargetFlags>));
  return 0;
}

/** The table of a container's or a pod's archive; undefined for any other, which then has to be an extracted one. */
async function showOther(
  target: string,
  flags: FlagValues<TargetFlags>,
  console: Console,
): Promise<string | undefined> {
  const archive = await openExtracted(target, { limits: console.limits }).catch((error: unknown) => {
    throw unpackFailed(target, error);
  });
  try {
    const members = await archive.members().catch((error: unknown) => {
      throw unpackFailed(target, error);
    });
    if (members.get(checkpointedPodsFile)) return undefined;
    const kind = archiveKind((name) => members.get(name) !== undefined);
    if (!kind) return undefined;
    const { containerTable, podArchiveTable } = await import('./show-one.ts');
    const table =
      kind === 'pod'
        ? await podArchiveTable(archive, flags['show-pod-uid'], flags['print-stats'])
        : await containerTable(archive, flags['print-stats']);
    return `\nDisplaying ${kind} checkpoint data from ${printable(target)}\n\n${table}`;
  } finally {
    await archive.close();
  }
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

async function listArchive(target: string, console: Console): Promise<Listing> {
  const { readExtractedList } = await import('../localfs/insert-checkpoints.ts');
  const { isSandboxId, podArchiveName } = await import('../kubeletstate/checkpointed-pods.ts');
  const path = `${target}/checkpointed.pods`;
  const archive = await openExtracted(target, { limits: console.limits }).catch((error: unknown) => {
    throw unpackFailed(target, error);
  });
  try {
    const members = await archive.members().catch((error: unknown) => {
      throw unpackFailed(target, error);
    });
    const list = await readExtractedList(archive).catch((error: unknown) => {
      throw readFailed(path, messageOf(error));
    });
    if (!list) throw listMissing(path);
    const holds = ({ sandboxId }: CheckpointedPod): boolean =>
      isSandboxId(sandboxId) && members.get(podArchiveName(sandboxId)) !== undefined;
    return { path, pods: list.pods.map((pod) => ({ pod, archive: undefined, found: holds(pod) })) };
  } finally {
    await archive.close();
  }
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
