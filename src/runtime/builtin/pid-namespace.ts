import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '../../errors/coded-error.ts';
import { writeFileAtomic } from '../../localfs/atomic-file.ts';
import { enterCgroup, findCgroups } from './cgroups.ts';
import { json, readSpec } from './checkpoint-metadata.ts';
import { containerDirectory, type RuntimePaths } from './paths.ts';
import { supervisorCgroup } from './supervisor.ts';

/** Stands in a specification for a process namespace that is made when the container is restored. */
export const namespaceToBeMade = '/proc/self/ns/to-be-made';

/** How long the namespace's first process may take to be there. */
const startMs = 5_000;

/**
 * A container that shared the process namespace of its pod has no process 1 of its own: the pod's first process
 * was that. So that its processes can have their numbers again, a namespace is made for it whose first process
 * does nothing. That process is in the cgroup of the container's supervisor and ends with it.
 * Does nothing for a container whose specification needs no such namespace.
 */
export async function makePidNamespace(paths: RuntimePaths, containerId: string): Promise<void> {
  const spec = await readSpec(paths, containerId);
  const wanted = spec.linux.namespaces.find(({ path }) => path === namespaceToBeMade);
  if (wanted === undefined) return;
  const holder = spawn('unshare', ['--pid', '--fork', '--kill-child', 'sleep', 'infinity'], {
    stdio: 'ignore',
    detached: true,
    env: { PATH: process.env['PATH'] },
  });
  holder.unref();
  const failed = new Promise<never>((_done, fail) => holder.once('error', fail));
  const first = await Promise.race([firstProcess(holder.pid ?? 0), failed]);
  const cgroups = await findCgroups();
  for (const pid of [first, holder.pid ?? 0]) await enterCgroup(cgroups, supervisorCgroup(containerId), pid);
  wanted.path = `/proc/${first}/ns/pid`;
  await writeFileAtomic(join(containerDirectory(paths, containerId), 'config.json'), json(spec));
}

/** The one child of the process that made the namespace, once it runs its own program. */
async function firstProcess(parent: number): Promise<number> {
  const end = performance.now() + startMs;
  for (;;) {
    const path = `/proc/${parent}/task/${parent}/children`;
    const child = Number((await readFile(path, 'latin1').catch(() => '')).trim().split(' ')[0]);
    const comm = child > 0 ? await readFile(`/proc/${child}/comm`, 'latin1').catch(() => '') : '';
    if (comm.trim() === 'sleep') return child;
    if (performance.now() > end) {
      throw new CodedError(
        'internal',
        'making a process namespace for the restored container: it did not start',
      );
    }
    await sleep(5);
  }
}
