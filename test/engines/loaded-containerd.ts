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
  /** A pod to which containers are to be added. */
  pod(name: string, handler: 'crun' | 'runc'): Promise<LoadPod>;
  /** Runs the load program in it, in a container of this name. */
  add(
    pod: LoadPod,
    name: string,
    args: readonly string[],
    environment?: Readonly<Record<string, string>>,
  ): Promise<LoadContainer>;
  /** Runs the load program in a pod of its own. */
  run(
    pod: string,
    handler: 'crun' | 'runc',
    args: readonly string[],
    environment?: Readonly<Record<string, string>>,
  ): Promise<LoadContainer>;
}

export interface LoadPod {
  id: string;
  config: {
    metadata: { name: string; namespace: string; uid: string; attempt: number };
    labels: Record<string, string>;
    linux: { cgroupParent: string };
    logDirectory: string;
  };
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
    pod,
    add,
    run: async (name, handler, args, environment) => add(await pod(name, handler), 'c', args, environment),
  };

  async function pod(name: string, handler: 'crun' | 'runc'): Promise<LoadPod> {
    const logDirectory = join(folder, name);
    mkdirSync(logDirectory);
    const config = {
      metadata: { name, namespace: 'default', uid: `uid-${name}`, attempt: 0 },
      labels: {
        'io.kubernetes.pod.name': name,
        'io.kubernetes.pod.namespace': 'default',
        'io.kubernetes.pod.uid': `uid-${name}`,
      },
      linux: { cgroupParent: '/pods' },
      logDirectory,
    };
    const { podSandboxId } = await runtime.runPodSandbox({ config, runtimeHandler: handler });
    return { id: podSandboxId, config };
  }

  async function add(
    { id: sandboxId, config }: LoadPod,
    name: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<LoadContainer> {
    const { containerId } = await runtime.createContainer({
      podSandboxId: sandboxId,
      sandboxConfig: config,
      config: {
        metadata: { name, attempt: 0 },
        labels: { ...config.labels, 'io.kubernetes.container.name': name },
        image: { image },
        command: ['/bin/load', ...args],
        envs: Object.entries(environment).map(([key, value]) => ({ key, value })),
        logPath: `${name}.log`,
      },
    });
    await runtime.startContainer({ containerId });
    return { id: containerId, sandboxId, log: join(config.logDirectory, `${name}.log`) };
  }
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
