import { writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, messageOf } from '../../errors/coded-error.ts';
import { explainLog, longestLog } from '../../inspect/dump-log.ts';
import { privateDirectory } from '../../localfs/atomic-file.ts';
import type { CaptureTarget } from './checkpoint-capture.ts';
import { endPrograms, pauseCriu } from './checkpoint-scratch.ts';
import type { Deadline } from './deadline.ts';
import { releaseNetworkLock } from './network-lock.ts';
import type { CheckpointRequest, CriuOptions } from './oci-runtime.ts';

export type HowToDump = CriuOptions & Pick<CheckpointRequest, 'networkLocked'>;

/**
 * Lets CRIU write the processes of a frozen container into `imageDir`, and its `dump.log` into `workDir`. Where it was
 * killed, what it left in the kernel is undone.
 * @throws CodedError with CRIU's reason
 */
export async function dumpContainer(
  target: CaptureTarget,
  imageDir: string,
  workDir: string,
  options: HowToDump,
  deadline: Deadline,
): Promise<void> {
  const request = { ...options, imageDir, workDir, leaveRunning: true };
  const beforeKill = async (): Promise<void> => {
    await pauseCriu(join(imageDir, '..'));
    hold(target);
  };
  try {
    await target.oci.checkpoint(target.container.id, request, { ...deadline.call(), beforeKill });
  } catch (error) {
    if (!(await endedByItself(workDir))) {
      hold(target);
      await heal(target, join(imageDir, '..'), imageDir, workDir, options);
    }
    throw await explained(error, target, workDir);
  }
}

/**
 * CRIU lets the cgroup run under its own control. When CRIU is killed, its hold ends, so the cgroup has to hold
 * the processes again before that: their connections may be in the kernel's repair mode.
 */
function hold({ cgroup }: CaptureTarget): void {
  try {
    writeFileSync(join(cgroup, 'cgroup.freeze'), '1');
  } catch {
    // The container has ended meanwhile; there is nothing to hold.
  }
}

/**
 * Undoes what a CRIU that was killed left in the kernel: connections in repair mode, on which every call of the
 * program would fail, and rules that drop the pod's packets. The first is undone by a second, complete dump,
 * whose pages go nowhere; the container stays frozen meanwhile.
 */
async function heal(
  target: CaptureTarget,
  folder: string,
  imageDir: string,
  workDir: string,
  options: HowToDump,
): Promise<void> {
  await endPrograms(folder);
  await releaseNetworkLock(target.network);
  // The image of a connection is opened only after repair mode has been turned on.
  const begun = (await readdir(imageDir)).some((name) => name.startsWith('tcp-stream-'));
  if (!begun && !/Turning repair on/.test(await readLog(workDir))) return;
  const dir = join(folder, 'heal');
  await mkdir(dir, { mode: privateDirectory });
  for (let id = 1; id <= 4096; id++) await symlink('/dev/null', join(dir, `pages-${id}.img`));
  const request = { ...options, imageDir: dir, workDir: dir, leaveRunning: true };
  await target.oci.checkpoint(target.container.id, request, { timeoutMs: 20_000 }).catch(() => {});
  await endPrograms(folder);
  await releaseNetworkLock(target.network);
}

/** A CRIU that fails says so last; one that was killed does not, and has not cleaned up. */
async function endedByItself(workDir: string): Promise<boolean> {
  const log = await readLog(workDir);
  return log === '' || /Dumping (FAILED|finished successfully)/.test(log);
}

async function explained(error: unknown, { container }: CaptureTarget, workDir: string): Promise<unknown> {
  if (!(error instanceof CodedError) || error.code !== 'internal') return error;
  const name = container.config.metadata?.name ?? container.id;
  const found = explainLog(await readLog(workDir));
  if (found === undefined) {
    return new CodedError('internal', `Failed to checkpoint container ${name}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const { line, lineNumber, meaning, hint } = found;
  const full = /No space left/.test(line);
  const code = full ? 'resource-exhausted' : meaning === undefined ? 'internal' : 'failed-precondition';
  const why = meaning === undefined ? `CRIU says: ${line}` : `${meaning} (dump.log: ${line})`;
  return new CodedError(code, `Failed to checkpoint container ${name}: ${why}`, {
    cause: error,
    data: { line, lineNumber },
    ...(hint === undefined ? {} : { hint }),
  });
}

async function readLog(workDir: string): Promise<string> {
  const text = await readFile(join(workDir, 'dump.log'), 'utf8').catch(() => '');
  return text.slice(-longestLog);
}
