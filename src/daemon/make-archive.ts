import { podmanImageId } from '../cli/convert-checkpoint.ts';
import { CodedError } from '../errors/coded-error.ts';
import { type CheckpointedPods, checkpointedPodsFile } from '../kubeletstate/checkpointed-pods.ts';
import { convertArchive } from '../localfs/convert-archive.ts';
import { readExtractedList, unpackExtracted } from '../localfs/insert-checkpoints.ts';
import { openCheckpoint } from '../localfs/open-checkpoint.ts';
import { rewriteCheckpoint } from '../localfs/rewrite-checkpoint.ts';
import { containerPath } from '../pods/described-containers.ts';
import type { MakeResult, MakeTask, UnpackTask } from '../pods/look-tasks.ts';

const never = new AbortController().signal;

/** Writes the new archive. @throws CodedError; what is there of it by then is the caller's to remove */
export async function makeArchive(task: MakeTask): Promise<MakeResult> {
  return task.kind === 'convert' ? convert(task) : edit(task);
}

async function convert({ archive, output, request }: MakeTask & { kind: 'convert' }): Promise<MakeResult> {
  const { to, container, runtime, image, imageId, name, pod, mounts, compress = 'none' } = request;
  if (to === 'containerd' && compress !== 'none') {
    throw new CodedError('invalid-argument', 'containerd takes no compressed archive');
  }
  if (pod && to !== 'podman') {
    throw new CodedError('invalid-argument', 'pod is for Podman; the others always have pods');
  }
  const path = await containerPath(archive, container, never);
  const { notes } = await convertArchive(path, output, {
    ...{ target: to, program: runtime, image, imageId, name, pod, compression: compress },
    findImageId: (wanted) => podmanImageId(wanted, never),
    mounts: new Map(Object.entries(mounts ?? {})),
  });
  return { notes: [...notes] };
}

async function edit({ archive, output, request }: MakeTask & { kind: 'edit' }): Promise<MakeResult> {
  const { ports = {}, annotations = {}, image } = request;
  const edits = {
    ports: new Map(Object.entries(ports).map(([from, to]) => [Number(from), to])),
    annotations: new Map(Object.entries(annotations)),
    image,
  };
  if (!(await rewriteCheckpoint(archive.path, edits, { output }))) {
    throw new CodedError('failed-precondition', `${archive.path} is as wanted already: nothing was made`);
  }
  return { notes: [] };
}

/** @throws CodedError `invalid-argument` for what `extract` did not make */
export async function unpack({ input, folder }: UnpackTask): Promise<CheckpointedPods> {
  const archive = await openCheckpoint(input);
  try {
    const list = await readExtractedList(archive);
    if (!list) {
      throw new CodedError('invalid-argument', `what was sent holds no ${checkpointedPodsFile}`, {
        hint: 'send what extract gave',
      });
    }
    await unpackExtracted(archive, list, folder);
    return list;
  } finally {
    await archive.close();
  }
}
