import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RuntimeEvent } from '../../api/runtime-events.ts';
import { CodedError, isCoded } from '../../errors/coded-error.ts';
import { privateDirectory } from '../../localfs/atomic-file.ts';
import { dumpContainer, type HowToDump } from './container-dump.ts';
import type { Deadline } from './deadline.ts';
import { type Frozen, freezeForDump, thaw } from './freezer.ts';
import { readyNetworkLock } from './network-lock.ts';
import type { CriuOptions, OciRuntime } from './oci-runtime.ts';
import type { RuntimePaths } from './paths.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';
import { rootfsDiff } from './rootfs-diff.ts';
import { spaceError } from './space-error.ts';
import { treeMembers, writeMembers } from './tree-archive.ts';

/** A running container, with all that is needed to capture it. */
export interface CaptureTarget {
  paths: RuntimePaths;
  container: ContainerRecord;
  sandbox: SandboxRecord;
  oci: OciRuntime;
  /** Folder of its own cgroup. */
  cgroup: string;
  /** File of its network namespace; empty for the node's. */
  network: string;
  /** Says how far its checkpoint is. */
  tell?: (event: Omit<RuntimeEvent, 'containerId'>) => void;
}

/** What was taken of one container; everything lies in the operation's scratch folder. */
export interface Captured {
  target: CaptureTarget;
  /** Folder of CRIU's images. */
  images: string;
  /** Folder of `dump.log` and `stats-dump`. */
  work: string;
  rootfsDiff: string;
  deleted: readonly string[];
  /** Archive of the pod's /dev/shm, where the pod has one of its own. */
  devShm: string | undefined;
  /** Length of the container's log when it was let go. */
  logBytes: number;
  /** When it was frozen. */
  frozenAt: Date;
  /** Microseconds for which nothing in it ran. */
  frozenMicroseconds: number;
  /** How often it was frozen until a good moment was found. */
  attempts: number;
}

/** What else a capture is to do. */
export interface CaptureMore {
  keepFrozen?: boolean;
  meanwhile?(check: () => void): Promise<void>;
}

type Taken = Omit<Captured, 'frozenAt' | 'frozenMicroseconds' | 'attempts'>;

/**
 * Captures containers in one consistent cut: all are frozen before the first is captured, and none runs before
 * the last is captured. All run again when this returns or throws.
 * @param folder Private folder for the results.
 * @param more.keepFrozen Whether they stay frozen when all are captured; the caller has to end that.
 * @param more.meanwhile Work for which they have to stand still; it is to call `check` often.
 * @throws CodedError `failed-precondition` when one cannot be captured (with CRIU's reason), `resource-exhausted`
 *   for a full disk, `deadline-exceeded`, `cancelled`, `internal`.
 */
export async function captureTogether(
  targets: readonly CaptureTarget[],
  folder: string,
  options: CriuOptions,
  deadline: Deadline,
  { keepFrozen = false, meanwhile }: CaptureMore = {},
): Promise<Captured[]> {
  const frozen: Frozen[] = [];
  let taken: Taken[] = [];
  const failures: unknown[] = [];
  const network = await readyNetworkLock(targets[0]?.network ?? '');
  let locked = false;
  try {
    for (const { tell } of targets) tell?.({ stage: 'freezing' });
    frozen.push(...(await freezeAll(targets, deadline)));
    locked = (await network?.lock()) ?? false;
    const how = { ...options, networkLocked: locked };
    taken = await captureAll(targets, folder, how, deadline, meanwhile);
    for (const each of taken) each.logBytes = await sizeOf(each.target.container.logPath);
  } catch (error) {
    failures.push(error);
  }
  if (locked) await network?.unlock();
  const frozenMicroseconds: number[] = [];
  for (const [index, { cgroup, tell }] of targets.entries()) {
    if (!keepFrozen || failures.length > 0) {
      await thaw(cgroup).catch((error: unknown) => failures.push(error));
    }
    const since = frozen[index]?.since;
    if (since === undefined) continue;
    const length = Math.round((performance.now() - since) * 1000);
    frozenMicroseconds.push(length);
    tell?.({ stage: 'thawed', frozenMicroseconds: length });
  }
  network?.close();
  if (failures.length > 0) throw failures[0];
  return taken.map((each, index) => ({
    ...each,
    frozenAt: dateOf(frozen[index]?.since ?? performance.now()),
    frozenMicroseconds: frozenMicroseconds[index] ?? 0,
    attempts: frozen[index]?.attempts ?? 1,
  }));
}

async function captureAll(
  targets: readonly CaptureTarget[],
  folder: string,
  how: HowToDump,
  deadline: Deadline,
  meanwhile: CaptureMore['meanwhile'],
): Promise<Taken[]> {
  const taken: Taken[] = [];
  let failed = false;
  const check = (): void => {
    if (failed) throw new CodedError('cancelled', 'another part of the capture has failed');
    deadline.check();
  };
  const one = async (work: Promise<void> | undefined): Promise<void> => {
    await work?.catch((error: unknown) => {
      failed = true;
      throw spaceError(error);
    });
  };
  const capture = async (): Promise<void> => {
    for (const [index, target] of targets.entries()) {
      check();
      taken.push(await captureFrozen(target, join(folder, String(index)), how, deadline));
    }
  };
  const results = await Promise.allSettled([one(capture()), one(meanwhile?.(check))]);
  const reasons = results.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  // The part that another one ended says nothing of why.
  const [why] = reasons.sort((a, b) => Number(isCoded(a, 'cancelled')) - Number(isCoded(b, 'cancelled')));
  if (reasons.length > 0) throw why;
  return taken;
}

/** Milliseconds to look for a good moment; of one container while others already wait for it, frozen. */
const searchMs = 15_000;
const searchOfOneMs = 300;

/** All frozen, each in a good moment. Where one does not come to rest soon, the others run meanwhile. */
async function freezeAll(targets: readonly CaptureTarget[], deadline: Deadline): Promise<Frozen[]> {
  const end = performance.now() + Math.min(searchMs, deadline.leftMs());
  for (;;) {
    const left = Math.max(1, end - performance.now());
    const limits = {
      freezeMs: Math.min(5_000, deadline.leftMs()),
      searchMs: targets.length > 1 ? Math.min(searchOfOneMs, left) : left,
    };
    const frozen: Frozen[] = [];
    try {
      for (const { cgroup } of targets) {
        deadline.check();
        frozen.push(await freezeForDump(cgroup, { signal: deadline.signal, ...limits }));
      }
      return frozen;
    } catch (error) {
      for (const { cgroup } of targets) await thaw(cgroup);
      const restless = isCoded(error, 'failed-precondition') && error.data['attempts'] !== undefined;
      if (!restless || performance.now() > end) throw error;
    }
  }
}

/** The time of day of a moment of the monotonic clock. */
function dateOf(moment: number): Date {
  return new Date(Date.now() - (performance.now() - moment));
}

async function captureFrozen(
  target: CaptureTarget,
  folder: string,
  options: HowToDump,
  deadline: Deadline,
): Promise<Taken> {
  const images = join(folder, 'images');
  const work = join(folder, 'work');
  for (const path of [folder, images, work]) await mkdir(path, { mode: privateDirectory });
  target.tell?.({ stage: 'dumping', folder: images });
  let failed = false;
  const check = (): void => {
    if (failed) throw new CodedError('cancelled', 'another part of the capture has failed');
    deadline.check();
  };
  const all = await Promise.allSettled([
    dumpContainer(target, images, work, options, deadline).catch((error: unknown) => {
      failed = true;
      throw error;
    }),
    saveRootfs(target, join(folder, 'rootfs-diff.tar'), check),
    target.sandbox.shm === undefined
      ? undefined
      : writeMembers(treeMembers(target.sandbox.shm), join(folder, 'devshm.tar'), check),
  ]);
  for (const each of all) if (each.status === 'rejected') throw spaceError(each.reason);
  return {
    target,
    images,
    work,
    rootfsDiff: join(folder, 'rootfs-diff.tar'),
    deleted: all[1].status === 'fulfilled' ? all[1].value : [],
    devShm: target.sandbox.shm === undefined ? undefined : join(folder, 'devshm.tar'),
    logBytes: 0,
  };
}

/** @returns The files of the image that the container deleted. */
async function saveRootfs(
  { paths, container }: CaptureTarget,
  file: string,
  check: () => void,
): Promise<readonly string[]> {
  const diff = await rootfsDiff(paths, container);
  await writeMembers(diff.members, file, check);
  return diff.deleted;
}

async function sizeOf(path: string): Promise<number> {
  return path === ''
    ? 0
    : stat(path).then(
        ({ size }) => size,
        () => 0,
      );
}
