/** A containerd with the load program in an image, and a short way to run it as the kubelet would. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { atEnd, folderFor, until } from '../runtime.ts';
import { type Containerd, startContainerd } from './containerd.ts';
import { makeRootfs, writeImage } from './image.ts';

export interface LoadedContainerd {
  /** Of everything it keeps. */
  folder: string;
  containerd: Containerd;
  /** Runs the load program in a pod of its own. */
  run(
    pod: string,
    handler: 'crun' | 'runc',
    args: readonly string[],
    environment?: Readonly<Record<string, string>>,
  ): Promise<LoadContainer>;
}

export interface LoadContainer {
  id: string;
  sandboxId: string;
  /** Path of its log. */
  log: string;
}

const image = 'localhost/load:1';

export async function containerdWithLoad(
  t: TestContext,
  options: { withoutCriu?: boolean; folder?: string } = {},
): Promise<LoadedContainerd> {
  const { withoutCriu = false, folder = folderFor(t, 'ctd') } = options;
  const rootfs = join(folder, 'rootfs');
  await makeRootfs(rootfs, ['load']);
  await writeImage(join(folder, 'image.tar'), rootfs, image, ['/bin/load', 'memory', '16']);
  const path = withoutCriu ? pathWithout('criu', join(folder, 'path')) : undefined;
  const containerd = await startContainerd(join(folder, 'c'), rootfs, path);
  atEnd(t, () => containerd.stop());
  await containerd.load(join(folder, 'image.tar'));
  const { runtime } = containerd;
  return {
    folder,
    containerd,
    async run(pod, handler, args, environment = {}) {
      const logDirectory = join(folder, pod);
      mkdirSync(logDirectory);
      const labels = {
        'io.kubernetes.pod.name': pod,
        'io.kubernetes.pod.namespace': 'default',
        'io.kubernetes.pod.uid': `uid-${pod}`,
      };
      const config = {
        metadata: { name: pod, namespace: 'default', uid: `uid-${pod}`, attempt: 0 },
        labels,
        linux: { cgroupParent: '/pods' },
        logDirectory,
      };
      const { podSandboxId } = await runtime.runPodSandbox({ config, runtimeHandler: handler });
      const { containerId } = await runtime.createContainer({
        podSandboxId,
        sandboxConfig: config,
        config: {
          metadata: { name: 'c', attempt: 0 },
          labels: { ...labels, 'io.kubernetes.container.name': 'c' },
          image: { image },
          command: ['/bin/load', ...args],
          envs: Object.entries(environment).map(([key, value]) => ({ key, value })),
          logPath: 'c.log',
        },
      });
      await runtime.startContainer({ containerId });
      return { id: containerId, sandboxId: podSandboxId, log: join(logDirectory, 'c.log') };
    },
  };
}

/** Resolves when a program that prints all the time has printed more. */
export async function grows(log: string): Promise<void> {
  const length = (): number => (existsSync(log) ? readFileSync(log, 'utf8').length : 0);
  const before = length();
  await until('its log to grow', () => length() > before);
}

/** A folder with links to all that PATH has, but for one program. */
function pathWithout(program: string, folder: string): string {
  mkdirSync(folder);
  for (const from of (process.env['PATH'] ?? '').split(':')) {
    for (const name of existsSync(from) ? readdirSync(from) : []) {
      if (name !== program && !existsSync(join(folder, name)))
        symlinkSync(join(from, name), join(folder, name));
    }
  }
  return folder;
}
