import { decodeImage } from '../criu/image.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { Checkpoint } from './checkpoint.ts';

/** CRIU's numbers for machines, as Go names these. */
const machines: Readonly<Record<number, string>> = {
  1: 'amd64',
  2: 'arm',
  3: 'arm64',
  4: 'ppc64le',
  5: 's390x',
  6: 'mips64le',
  7: 'loong64',
  8: 'riscv64',
};

const coreImage = /^checkpoint\/core-\d+\.img$/;

/**
 * For what machine the checkpoint is, as Go names it, from the first process' image.
 * @throws CodedError `not-found` when there is no process; `corrupt`, `unsupported` when its image says nothing
 *   usable.
 */
export async function readArchitecture(checkpoint: Checkpoint, signal?: AbortSignal): Promise<string> {
  const { files } = await checkpoint.members(signal);
  const core = files.find(({ name }) => coreImage.test(name));
  if (!core) throw new CodedError('not-found', `${checkpoint.origin} holds no process`);
  const image = decodeImage(await checkpoint.read(core.name, { signal }), core.name);
  const message = image.entries[0]?.message as { mtype?: unknown } | undefined;
  const machine = typeof message?.mtype === 'number' ? machines[message.mtype] : undefined;
  if (machine) return machine;
  throw new CodedError('unsupported', `${core.name} is for a machine of unknown kind`);
}
