/**
 * A node for tests of checkpoint and restore: the built-in runtime with real crun or runc, an image with
 * busybox and the load program, and short ways to run pods and containers in it.
 */
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Client, createClient, createRouterTransport } from '@connectrpc/connect';
import { ImageService, type LinuxContainerConfigSchema, RuntimeService } from '../src/gen/cri/v1/api_pb.ts';
import { createBuiltinRuntime, type OpenRuntime } from '../src/runtime/builtin/builtin-runtime.ts';
import { checkpointHooks } from '../src/runtime/builtin/checkpoint-hooks.ts';
import { atEnd, noCni, project, runFor, until } from './runtime.ts';

export interface NodeOptions {
  runtime?: 'crun' | 'runc';
  /** Folder of everything; a fresh one where it is left out. */
  folder?: string;
  /** Folder of what a reboot ends; a fresh one where it is left out. */
  state?: string;
}

export interface ContainerOptions {
  /** Program and arguments; the load program with these arguments where it starts without a slash. */
  args?: string[];
  /** In place of the image: an archive to restore from. */
  archive?: string;
  mounts?: { containerPath: string; hostPath: string }[];
  annotations?: Record<string, string>;
  linux?: MessageInitShape<typeof LinuxContainerConfigSchema>;
}

/** The image of all tests, as the runtime is asked for it. */
async function imageFolder(t: TestContext, folder: string): Promise<string> {
  const root = join(folder, 'image');
  if (existsSync(root)) return root;
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'run', 'root', 'data']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  for (const name of [
    'sh',
    'sleep',
    'cat',
    'echo',
    'rm',
    'mkdir',
    'touch',
    'true',
    'ls',
    'nc',
    'dd',
    'date',
  ]) {
    symlinkSync('busybox', join(root, 'bin', name));
  }
  writeFileSync(join(root, 'etc/old'), 'of the image\n');
  const source = join(project, 'fixtures/programs/load.c');
  const built = await runFor(t, 'gcc', ['-O1', '-static', '-pthread', '-o', join(root, 'bin/load'), source]);
  if (built.status !== 0) throw new Error(`building the load program: ${built.stderr}`);
  return root;
}

export class TestNode {
  readonly cri: Client<typeof RuntimeService>;
  readonly images: Client<typeof ImageService>;
  readonly open: OpenRuntime;
  readonly image: string;
  readonly folder: string;
  readonly state: string;
  /** What the runtime told its operator. */
  readonly lines: string[];

  private constructor(open: OpenRuntime, image: string, folder: string, state: string, lines: string[]) {
    const transport = createRouterTransport(open.routes);
    this.cri = createClient(RuntimeService, transport);
    this.images = createClient(ImageService, transport);
    this.open = open;
    this.image = image;
    this.folder = folder;
    this.state = state;
    this.lines = lines;
  }

  /** Starts one; at the test's end its pods are removed and it is closed. */
  static async start(t: TestContext, options: NodeOptions = {}): Promise<TestNode> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'stasis-node-'));
    const state = options.state ?? mkdtempSync('/run/st-');
    const lines: string[] = [];
    const open = await createBuiltinRuntime({
      ...{ root: join(folder, 'lib'), state, hooks: checkpointHooks(), cni: noCni },
      ...{ log: (line: string) => lines.push(line), runtime: options.runtime ?? 'crun' },
    });
    const image = `rootdir:${await imageFolder(t, folder)}`;
    const node = new TestNode(open, image, folder, state, lines);
    await node.images.pullImage({ image: { image } });
    atEnd(t, async () => {
      for (const { id } of (await node.cri.listPodSandbox({})).items) {
        await node.cri.stopPodSandbox({ podSandboxId: id });
        await node.cri.removePodSandbox({ podSandboxId: id });
      }
      await open.close();
      rmSync(state, { recursive: true, force: true });
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    });
    return node;
  }

  /** The configuration of a pod with loopback network. */
  podConfig(name: string) {
    const logDirectory = join(this.folder, 'logs', name);
    const metadata = { name, namespace: 'default', uid: randomBytes(8).toString('hex'), attempt: 0 };
    return { metadata, hostname: name, logDirectory };
  }

  async pod(name = 'pod', config = this.podConfig(name)): Promise<{ id: string; config: typeof config }> {
    const { podSandboxId } = await this.cri.runPodSandbox({ config });
    return { id: podSandboxId, config };
  }

  config(name: string, options: ContainerOptions) {
    const { args = [], archive, mounts = [], annotations = {}, linux } = options;
    const command = args.length === 0 || args[0]?.startsWith('/') ? args : ['/bin/load', ...args];
    return {
      metadata: { name, attempt: 0 },
      image: { image: archive ?? this.image },
      ...{ command, mounts, annotations, logPath: `${name}.log`, ...(linux && { linux }) },
    };
  }

  /** Creates and starts a container. */
  async run(pod: { id: string; config: object }, name: string, options: ContainerOptions): Promise<string> {
    const config = this.config(name, options);
    const { containerId } = await this.cri.createContainer({
      ...{ podSandboxId: pod.id, config, sandboxConfig: pod.config },
    });
    await this.cri.startContainer({ containerId });
    return containerId;
  }

  /** What the container has written, without the log's own columns. */
  output(pod: { config: { logDirectory: string } }, name: string): string[] {
    const path = join(pod.config.logDirectory, `${name}.log`);
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' ').slice(3).join(' '));
  }

  /** Waits until the container has written `count` more lines, and returns the last one. */
  async grows(pod: { config: { logDirectory: string } }, name: string, count = 2): Promise<string> {
    const before = this.output(pod, name).length;
    return until(
      `output of ${name}`,
      () => {
        const lines = this.output(pod, name);
        const failed = lines.find((line) => line.startsWith('failed'));
        if (failed !== undefined) throw new Error(failed);
        return lines.length >= before + count ? lines.at(-1) : undefined;
      },
      30_000,
    );
  }

  async checkpoint(containerId: string, location: string, timeout = 0n): Promise<void> {
    await this.cri.checkpointContainer({ containerId, location, timeout });
  }
}
