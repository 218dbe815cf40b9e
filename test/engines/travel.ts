/** Every engine that can be run here, as a place that a container leaves and another at which it goes on. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Client, createClient, createRouterTransport } from '@connectrpc/connect';
import { ImageService, NamespaceMode, RuntimeService } from '../../src/gen/cri/v1/api_pb.ts';
import { openCheckpoint } from '../../src/localfs/open-checkpoint.ts';
import { createBuiltinRuntime } from '../../src/runtime/builtin/builtin-runtime.ts';
import { checkpointHooks } from '../../src/runtime/builtin/checkpoint-hooks.ts';
import { atEnd, folderFor, noCni, until } from '../runtime.ts';
import { removePod, startContainerd } from './containerd.ts';
import { makeRootfs, writeImage } from './image.ts';
import { must } from './program.ts';
import { startRegistry } from './registry.ts';

export type Program = 'crun' | 'runc';

export interface Captured {
  archive: string;
  /** A number that the program had passed when it was captured. */
  count: number;
}

export interface Station {
  name: 'podman' | 'containerd' | 'stasis';
  /** The image that it has. */
  image: string;
  /** Runs the counter and captures it; nothing of it remains but the archive. */
  capture(program: Program, sharedProcesses?: boolean): Promise<Captured>;
  /** Continues from the archive. @returns a number that it says after the restore, which it has gone on from */
  restore(archive: string, name: string, program: Program): Promise<number>;
  /** The same from an OCI image of an archive. @param archive what the image was made of */
  restoreImage(oci: string, image: string, name: string, program: Program, archive: string): Promise<number>;
}

/**
 * Starts all engines, each with one image, and a registry that has it too.
 * @param program what runs in the image; `busybox` counts in a shell, as in the archive that CRI-O made
 * @param made a root file system to make the image of
 */
export async function openStations(
  t: TestContext,
  program: 'counter' | 'busybox' = 'counter',
  made?: string,
): Promise<{ image: string; stations: Station[] }> {
  const folder = folderFor(t, 'trip');
  const rootfs = made ?? join(folder, 'rootfs');
  if (made === undefined) await makeRootfs(rootfs, program === 'counter' ? ['counter'] : []);
  const registry = await startRegistry();
  atEnd(t, () => registry.close());
  const image = `${registry.host}/counter:1`;
  const file = join(folder, 'image.tar');
  await writeImage(file, rootfs, image, [program === 'counter' ? '/bin/counter' : '/bin/sh']);
  registry.serve(`${file}.layout`);
  const containerd = await startContainerd(join(folder, 'c'), rootfs);
  atEnd(t, () => containerd.stop());
  await containerd.images.pullImage({ image: { image } });
  const own = await builtin(t, folder, file);
  const podman = await podmanStation(t, folder, image, file, program === 'counter' ? '/count' : '/tmp/count');
  const stations = [
    podman,
    criStation('containerd', containerd.runtime, folder, image, (oci) => containerd.load(oci)),
    criStation('stasis', own, folder, image, async () => {
      throw new Error('the built-in runtime restores archives');
    }),
  ];
  return { image, stations };
}

async function builtin(t: TestContext, folder: string, file: string): Promise<Client<typeof RuntimeService>> {
  const opened = await createBuiltinRuntime({
    root: join(folder, 'root'),
    state: join(folder, 'state'),
    hooks: checkpointHooks(),
    cni: noCni,
  });
  atEnd(t, () => opened.close());
  const transport = createRouterTransport((router) => opened.routes(router));
  await createClient(ImageService, transport).pullImage({ image: { image: `oci-archive:${file}` } });
  return createClient(RuntimeService, transport);
}

/** What is restored comes into another storage than what was captured: only the image is there. */
async function podmanStation(
  t: TestContext,
  folder: string,
  image: string,
  file: string,
  countFile: string,
): Promise<Station> {
  const fresh = ['--root', join(folder, 'fresh'), '--runroot', join(folder, 'fresh-run')];
  await must('podman', ['load', '--quiet', '--input', file]);
  await must('podman', [...fresh, 'load', '--quiet', '--input', file]);
  atEnd(t, () => must('podman', ['rmi', '--force', image]));
  // It mounts over its own folder.
  atEnd(t, () => must('umount', ['-l', join(folder, 'fresh/overlay')]).catch(() => undefined));
  let made = 0;
  const countOf = async (flags: readonly string[], name: string): Promise<number> =>
    Number(await must('podman', [...flags, 'exec', name, 'cat', countFile]));
  return {
    name: 'podman',
    image,
    async capture(program) {
      const name = `leaving-${process.pid}-${++made}`;
      const flags = ['--runtime', program];
      await must('podman', [...flags, 'run', '--detach', '--name', name, image]);
      const count = await until('the counter to count', async () => {
        const now = await countOf(flags, name);
        return now >= 5 && now;
      });
      const archive = join(folder, `podman-${program}.tar.zst`);
      await must('podman', [...flags, 'container', 'checkpoint', `--export=${archive}`, name]);
      await must('podman', [...flags, 'rm', name]);
      return { archive, count: count || 0 };
    },
    restore: (archive, name, program) => restored(`--import=${archive}`, name, program),
    async restoreImage(oci, from, name, program) {
      await must('podman', [...fresh, 'load', '--quiet', '--input', oci]);
      return restored(from, name, program);
    },
  };

  async function restored(from: string, name: string, program: Program): Promise<number> {
    const flags = [...fresh, '--runtime', program];
    try {
      await must('podman', [...flags, 'container', 'restore', from]);
      const before = await countOf(flags, name);
      await until('the counter to go on', async () => (await countOf(flags, name)) > before);
      return before;
    } finally {
      await must('podman', [...flags, 'rm', '--force', '--time=0', '--ignore', name]);
    }
  }
}

function criStation(
  name: 'containerd' | 'stasis',
  runtime: Client<typeof RuntimeService>,
  folder: string,
  image: string,
  load: (oci: string) => Promise<void>,
): Station {
  const place = join(folder, name);
  mkdirSync(place);
  writeFileSync(join(place, 'containerenv'), '');
  const start = criStarter(name, runtime, place);
  const numbers = (log: string): number[] =>
    existsSync(log)
      ? [...readFileSync(log, 'utf8').matchAll(/(?:parent| F) (\d+)$/gm)].map(([, number]) => Number(number))
      : [];
  const remove = async (podSandboxId: string): Promise<void> => {
    if (name === 'containerd') return removePod(runtime, podSandboxId);
    await runtime.stopPodSandbox({ podSandboxId });
    await runtime.removePodSandbox({ podSandboxId });
  };
  return {
    name,
    image,
    async capture(program, sharedProcesses) {
      const { id, sandbox, log } = await start(program, image, undefined, sharedProcesses);
      await until('the counter to count', () => (numbers(log).at(-1) ?? 0) >= 5);
      const count = numbers(log).at(-1) ?? 0;
      const archive = join(folder, `${name}-${program}.tar`);
      await runtime.checkpointContainer({ containerId: id, location: archive });
      await remove(sandbox);
      return { archive, count };
    },
    restore: (archive, _name, program) => restored(archive, program, archive),
    async restoreImage(oci, from, _name, program, archive) {
      await load(oci);
      return restored(from, program, archive);
    },
  };

  async function restored(from: string, program: Program, archive: string): Promise<number> {
    const { sandbox, log } = await start(program, from, await specOf(archive));
    try {
      // The log of before may have been carried along: what is new counts.
      const before = numbers(log).length;
      await until('the counter to go on', () => numbers(log).length > before + 2);
      return numbers(log).at(-1) ?? 0;
    } finally {
      await remove(sandbox);
    }
  }
}

interface ArchivedSpec {
  mounts: { destination: string }[];
  linux: { maskedPaths?: string[]; readonlyPaths?: string[] };
}

async function specOf(archive: string): Promise<ArchivedSpec> {
  const checkpoint = await openCheckpoint(archive);
  try {
    return JSON.parse(new TextDecoder().decode(await checkpoint.read('spec.dump')));
  } finally {
    await checkpoint.close();
  }
}

/** Makes a pod and a container in it as a kubelet would, hiding and mounting what a checkpoint asks for. */
function criStarter(name: string, runtime: Client<typeof RuntimeService>, place: string) {
  let made = 0;
  return async (
    handler: Program,
    image: string,
    archived: ArchivedSpec | undefined,
    sharedProcesses = false,
  ) => {
    const pod = `${name}-${++made}`;
    const labels = { 'io.kubernetes.pod.name': pod, 'io.kubernetes.pod.namespace': 'default' };
    const pid = sharedProcesses ? NamespaceMode.POD : NamespaceMode.CONTAINER;
    const namespaceOptions = { network: NamespaceMode.POD, pid };
    const logDirectory = join(place, pod);
    mkdirSync(logDirectory);
    const sandboxConfig = {
      metadata: { name: pod, namespace: 'default', uid: `uid-${pod}`, attempt: 0 },
      ...{ labels, hostname: pod, logDirectory },
      linux: { cgroupParent: '/pods', securityContext: { namespaceOptions } },
    };
    const { podSandboxId } = await runtime.runPodSandbox({ config: sandboxConfig, runtimeHandler: handler });
    const containerenv = archived?.mounts.find(({ destination }) => destination === '/run/.containerenv');
    const { containerId } = await runtime.createContainer({
      ...{ podSandboxId, sandboxConfig },
      config: {
        metadata: { name: 'c', attempt: 0 },
        labels: { ...labels, 'io.kubernetes.container.name': 'c' },
        ...{ image: { image }, logPath: 'c.log' },
        mounts: containerenv
          ? [{ containerPath: containerenv.destination, hostPath: join(place, 'containerenv') }]
          : [],
        linux: {
          securityContext: {
            namespaceOptions,
            maskedPaths: archived?.linux.maskedPaths ?? [],
            readonlyPaths: archived?.linux.readonlyPaths ?? [],
          },
        },
      },
    });
    await runtime.startContainer({ containerId });
    return { id: containerId, sandbox: podSandboxId, log: join(logDirectory, 'c.log') };
  };
}
