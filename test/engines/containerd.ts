/** A containerd of its own, spoken to through the CRI: what tests and sample archives need of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { ImageService, RuntimeService } from '../../src/gen/cri/v1/api_pb.ts';
import { until } from '../runtime.ts';
import { writeImage } from './image.ts';
import { must } from './program.ts';

export interface Containerd {
  socket: string;
  runtime: Client<typeof RuntimeService>;
  images: Client<typeof ImageService>;
  /** Brings an OCI image archive into the namespace that the CRI sees. */
  load(file: string): Promise<void>;
  /** Kills the daemon; what it runs goes on. */
  crash(): Promise<void>;
  /** Starts the daemon again after {@link crash}. */
  again(): Promise<void>;
  stop(): Promise<void>;
}

/** The name of the image that pod sandboxes run. */
const pause = 'localhost/pause:1';

/** Both low-level runtimes by name, behind the wrapper that leaves out limits without a controller. */
const handler = (name: string): string => `
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.${name}]
      runtime_type = "io.containerd.runc.v2"
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.${name}.options]
        BinaryName = "/usr/local/libexec/oci/${name}"
        SystemdCgroup = false`;

/** Its configuration: where it keeps what lasts, and where its state and its socket are. */
export const containerdSettings = (
  root: string,
  state: string,
  runtime: 'crun' | 'runc' = 'crun',
): string => `version = 3
root = "${root}"
state = "${state}"
disabled_plugins = ["io.containerd.grpc.v1.nri", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "${state}/containerd.sock"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "${pause}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = "${runtime}"${handler('crun')}${handler('runc')}
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "/etc/cni/net.d"
`;

/**
 * Starts containerd with everything it keeps below `folder`, which has to lie on a disk and have a short path.
 * @param rootfs from `makeRootfs`: what pod sandboxes run is taken from there
 * @param path where it looks for programs; our own PATH where left out
 * @param byDefault the low-level runtime of pods that name none
 */
export async function startContainerd(
  folder: string,
  rootfs: string,
  path = process.env['PATH'],
  byDefault: 'crun' | 'runc' = 'crun',
): Promise<Containerd> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const socket = join(folder, 'containerd.sock');
  const log = join(folder, 'containerd.log');
  writeFileSync(join(folder, 'config.toml'), containerdSettings(join(folder, 'root'), folder, byDefault));
  const output = openSync(log, 'w');
  const launch = (): ChildProcess =>
    spawn('containerd', ['--config', join(folder, 'config.toml')], {
      stdio: ['ignore', output, output],
      env: { ...process.env, PATH: path },
    });
  let daemon = launch();
  const transport = createGrpcTransport({
    baseUrl: 'http://localhost',
    nodeOptions: { createConnection: () => connect(socket) },
  });
  const runtime = createClient(RuntimeService, transport);
  const answering = () =>
    until('containerd to answer', async () => {
      if (daemon.exitCode !== null) throw new Error(`containerd ended:\n${readFileSync(log, 'utf8')}`);
      return (await runtime.version({})).runtimeName;
    });
  await answering();
  const load = async (file: string): Promise<void> => {
    await must('ctr', ['--address', socket, '--namespace', 'k8s.io', 'images', 'import', file]);
  };
  await writeImage(join(folder, 'pause.tar'), rootfs, pause, ['/bin/sleep', '1000000']);
  await load(join(folder, 'pause.tar'));
  return {
    socket,
    runtime,
    images: createClient(ImageService, transport),
    load,
    async crash() {
      const ended = new Promise((done) => daemon.once('exit', done));
      daemon.kill('SIGKILL');
      await ended;
    },
    async again() {
      daemon = launch();
      await answering();
    },
    async stop() {
      await stopped(runtime, daemon).catch((error: unknown) => {
        throw new Error(`containerd could not be stopped:\n${readFileSync(log, 'utf8').slice(-8000)}`, {
          cause: error,
        });
      });
    },
  };
}

/**
 * Removes a pod as the kubelet does, which comes back until it is gone: a shim that ends while it is asked makes
 * containerd fail (`ttrpc: closed`).
 */
export async function removePod(runtime: Containerd['runtime'], podSandboxId: string): Promise<void> {
  await until(
    `pod ${podSandboxId} to be removed`,
    async () => {
      await runtime.stopPodSandbox({ podSandboxId });
      await runtime.removePodSandbox({ podSandboxId });
      return true;
    },
    20_000,
  );
}

/** Removes all pods, so that no shim outlives its daemon. */
async function stopped(runtime: Containerd['runtime'], daemon: ChildProcess): Promise<void> {
  for (const { id } of (await runtime.listPodSandbox({})).items) await removePod(runtime, id);
  const ended = new Promise((done) => daemon.once('exit', done));
  daemon.kill('SIGTERM');
  await ended;
}
