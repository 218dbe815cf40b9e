import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  CheckpointPodRequestSchema,
  CheckpointPodResponseSchema,
  CreateContainerRequestSchema,
  CreateContainerResponseSchema,
  ListContainersRequestSchema,
  ListContainersResponseSchema,
  RestorePodRequestSchema,
  RestorePodResponseSchema,
  RunPodSandboxRequestSchema,
  RunPodSandboxResponseSchema,
  StartContainerRequestSchema,
  StartContainerResponseSchema,
  StopPodSandboxRequestSchema,
  StopPodSandboxResponseSchema,
  VersionRequestSchema,
  VersionResponseSchema,
} from '../../src/gen/cri/v1/api_pb.ts';
import { openSocket } from '../../src/runtime/cri/cri-runtime.ts';
import { makeRootfs } from '../engines/image.ts';
import { atEnd, folderFor, needsRuntime, project, runFor, startFor, until } from '../runtime.ts';

/** `stasisd cri` as a process of its own. */
class CriDaemon {
  readonly folder: string;
  readonly socket: string;
  readonly image: string;
  readonly #test: TestContext;
  #child: ChildProcess | undefined;
  #words = '';

  constructor(t: TestContext) {
    this.#test = t;
    this.folder = folderFor(t, 'cri');
    this.socket = join(this.folder, 's/cri.sock');
    this.image = `rootdir:${join(this.folder, 'rootfs')}`;
  }

  get flags(): string[] {
    const state = ['--runtime-root', join(this.folder, 'lib'), '--runtime-state', join(this.folder, 'run')];
    state.push('--cni-conf-dir', join(this.folder, 'cni'));
    return ['--listen', `unix://${this.socket}`, ...state, '--image', this.image];
  }

  async start(): Promise<void> {
    this.#words = '';
    const child = startFor(this.#test, process.execPath, [daemon, 'cri', ...this.flags]);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#words += text;
    });
    this.#child = child;
    await until('it serves', () => this.#words.includes('is served') || child.exitCode !== null);
    assert.equal(child.exitCode, null, this.#words);
  }

  async stop(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((done) => child.once('exit', done));
    child.kill(signal);
    return ended;
  }
}

const daemon = join(project, 'src/daemon/main.ts');

/**
 * One call by curl, whose HTTP/2 is nghttp2's, framed as gRPC says: a byte for compression, four for the length.
 * @returns the answer, or what the trailers say of a failure
 */
async function curl<I extends DescMessage, O extends DescMessage>(
  t: TestContext,
  { socket, folder }: CriDaemon,
  method: string,
  [input, output]: readonly [I, O],
  message: MessageInitShape<I>,
): Promise<MessageShape<O> | { status: number; words: string }> {
  const bytes = toBinary(input, create(input, message));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  const [request, answer, trailers] = ['request', 'answer', 'trailers'].map((name) => join(folder, name));
  writeFileSync(request ?? '', Buffer.concat([head, bytes]));
  const ended = await runFor(t, 'curl', [
    ...['-sS', '--http2-prior-knowledge', '--unix-socket', socket, '-o', answer ?? '', '-D', trailers ?? ''],
    ...['-H', 'content-type: application/grpc', '-H', 'te: trailers', '--data-binary', `@${request}`],
    `http://localhost/runtime.v1.RuntimeService/${method}`,
  ]);
  assert.equal(ended.status, 0, ended.stderr);
  const said = readFileSync(trailers ?? '', 'latin1');
  const status = Number(/^grpc-status: (\d+)/m.exec(said)?.[1]);
  const words = decodeURIComponent(/^grpc-message: (.*)$/m.exec(said)?.[1]?.trim() ?? '');
  if (status !== 0) return { status, words };
  const body = readFileSync(answer ?? '');
  assert.equal(body.readUInt8(0), 0);
  assert.equal(body.readUInt32BE(1), body.length - 5);
  return fromBinary(output, body.subarray(5));
}

const calls = {
  version: [VersionRequestSchema, VersionResponseSchema],
  run: [RunPodSandboxRequestSchema, RunPodSandboxResponseSchema],
  create: [CreateContainerRequestSchema, CreateContainerResponseSchema],
  start: [StartContainerRequestSchema, StartContainerResponseSchema],
  list: [ListContainersRequestSchema, ListContainersResponseSchema],
  checkpoint: [CheckpointPodRequestSchema, CheckpointPodResponseSchema],
  restore: [RestorePodRequestSchema, RestorePodResponseSchema],
  stop: [StopPodSandboxRequestSchema, StopPodSandboxResponseSchema],
} as const;

/** The answer; a failure fails the test. */
function answered<T extends object>(answer: T | { status: number; words: string }): T {
  assert.ok('$typeName' in answer, 'words' in answer ? answer.words : '');
  return answer as T;
}

const loop = 'i=0; while :; do i=$((i+1)); echo $i; read -t 0.1 x < /dev/zero; done';

test(
  'stasisd cri: a client of another make runs, checkpoints and restores a pod over the socket',
  needsRuntime,
  async (t) => {
    const cri = new CriDaemon(t);
    await makeRootfs(join(cri.folder, 'rootfs'), []);
    await cri.start();
    atEnd(t, () => removePods(cri));
    assert.equal(statSync(cri.socket).mode & 0o777, 0o600);
    assert.equal(answered(await curl(t, cri, 'Version', calls.version, {})).runtimeName, 'stasis');

    const pod = (name: string) => ({
      metadata: { name, namespace: 'default', uid: name, attempt: 0 },
      logDirectory: join(cri.folder, 'logs', name),
    });
    const container = {
      metadata: { name: 'c', attempt: 0 },
      ...{ image: { image: cri.image }, command: ['/bin/sh', '-c', loop], logPath: 'c.log' },
    };
    const config = pod('first');
    const { podSandboxId } = answered(await curl(t, cri, 'RunPodSandbox', calls.run, { config }));
    const made = await curl(t, cri, 'CreateContainer', calls.create, {
      ...{ podSandboxId, config: container, sandboxConfig: config },
    });
    const { containerId } = answered(made);
    answered(await curl(t, cri, 'StartContainer', calls.start, { containerId }));
    const counted = (name: string): number => {
      const log = join(cri.folder, 'logs', name, 'c.log');
      const lines = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
      return Number(lines.at(-1)?.split(' ')[3] ?? 0);
    };
    await until('it counts', () => counted('first') > 5);

    const folder = join(cri.folder, 'checkpoint');
    mkdirSync(folder);
    const request = { podSandboxId, outputPath: folder, containerIds: [containerId], options: {} };
    const refused = await curl(t, cri, 'CheckpointPod', calls.checkpoint, { ...request, containerIds: [] });
    assert.deepEqual(refused, { ...refused, status: 3, words: 'container_ids is empty' });
    answered(await curl(t, cri, 'CheckpointPod', calls.checkpoint, request));
    const at = counted('first');
    answered(await curl(t, cri, 'StopPodSandbox', calls.stop, { podSandboxId }));
    const restored = await curl(t, cri, 'RestorePod', calls.restore, {
      ...{ checkpointPath: folder, config: pod('second'), containerConfigs: [container] },
    });
    for (const each of answered(restored).restoredContainers) {
      answered(await curl(t, cri, 'StartContainer', calls.start, { containerId: each.containerId }));
    }
    assert.ok((await until('it goes on', () => counted('second'))) >= 5);
    await until('it goes on', () => counted('second') > at);

    // Its containers are there for the next one, whether it stops or is killed.
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await cri.stop(signal);
      const before = counted('second');
      await until('it counts without a daemon', () => counted('second') > before + 2);
      await cri.start();
    }
    const { containers } = answered(await curl(t, cri, 'ListContainers', calls.list, {}));
    assert.deepEqual(containers.map(({ state }) => state).sort(), [1, 2]);
  },
);

test('stasisd cri refuses a runtime, a socket or a file that another has', needsRuntime, async (t) => {
  const cri = new CriDaemon(t);
  await makeRootfs(join(cri.folder, 'rootfs'), []);
  await cri.start();
  const refused = async (flags: string[], words: RegExp, status = 1) => {
    const ended = await runFor(t, process.execPath, [daemon, 'cri', ...flags]);
    assert.match(ended.stderr, words);
    assert.equal(ended.status, status);
  };
  await refused(cri.flags, /another process uses the runtime in /);
  const own = ['--runtime-root', join(cri.folder, 'lib2'), '--runtime-state', join(cri.folder, 'run2')];
  await refused([...own, '--listen', cri.socket], /another process serves on .*cri\.sock/);
  writeFileSync(join(cri.folder, 'file'), 'mine');
  await refused([...own, '--listen', join(cri.folder, 'file')], /is there already, and is no socket/);
  assert.equal(readFileSync(join(cri.folder, 'file'), 'utf8'), 'mine');
  await refused([...own, '--listen', 'tcp://0.0.0.0:1'], /--listen is "tcp:\/\/0\.0\.0\.0:1"/, 2);
  await refused(['--root-dir', '/x'], /Unknown option '--root-dir'/, 2);
  assert.equal(await cri.stop('SIGTERM'), 0);
  assert.equal(existsSync(cri.socket), false);
});

/** Whoever was started for the test may have ended before. */
async function removePods(cri: CriDaemon): Promise<void> {
  await cri.stop('SIGKILL');
  await cri.start();
  const { runtime, close } = openSocket(cri.socket);
  for (const { id } of (await runtime.listPodSandbox({})).items) {
    await runtime.stopPodSandbox({ podSandboxId: id });
    await runtime.removePodSandbox({ podSandboxId: id });
  }
  close();
  await cri.stop('SIGTERM');
}
