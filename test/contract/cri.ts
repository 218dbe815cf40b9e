/**
 * What every container runtime does that speaks CRI v1, as tests: run against the built-in runtime and against
 * containerd, so that neither the daemon nor we come to rely on a habit of our own.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import {
  type ContainerConfigSchema,
  ContainerState,
  type ContainerStatus,
  type ImageService,
  NamespaceMode,
  type PodSandboxConfigSchema,
  PodSandboxState,
  type RuntimeService,
} from '../../src/gen/cri/v1/api_pb.ts';
import { needsRuntime, until } from '../runtime.ts';
import { streamTests } from './streams.ts';

export interface CriUnderTest {
  runtime: Client<typeof RuntimeService>;
  images: Client<typeof ImageService>;
  /** The image of `busyboxImage`, ready to be run. */
  image: string;
  /** Runtime handler for pods. */
  handler: string;
  stop(): Promise<void>;
}

type PodInit = Omit<
  Extract<MessageInitShape<typeof PodSandboxConfigSchema>, { $typeName?: never }>,
  'metadata' | 'logDirectory'
>;
type ContainerInit = Extract<MessageInitShape<typeof ContainerConfigSchema>, { $typeName?: never }>;

type PodConfig = PodInit & {
  metadata: { name: string; uid: string; namespace: string; attempt: number };
  logDirectory: string;
};

/** Pods and containers made for tests. */
export class CriBench {
  readonly folder: string;
  readonly cri: CriUnderTest;
  readonly #cgroupParent: string;
  #pods = 0;

  constructor(cri: CriUnderTest, folder: string, cgroupParent = '') {
    this.cri = cri;
    this.folder = folder;
    this.#cgroupParent = cgroupParent;
  }

  podConfig(more: PodInit = {}): PodConfig {
    const uid = `uid-${process.pid}-${this.#pods++}`;
    return {
      metadata: { name: uid, uid, namespace: 'default', attempt: 0 },
      hostname: 'pod-host',
      logDirectory: join(this.folder, uid),
      linux: {
        cgroupParent: this.#cgroupParent,
        securityContext: { namespaceOptions: { pid: NamespaceMode.CONTAINER } },
      },
      ...more,
    };
  }

  async pod(more: PodInit = {}): Promise<Pod> {
    const config = this.podConfig(more);
    const request = { config, runtimeHandler: this.cri.handler };
    const { podSandboxId } = await this.cri.runtime.runPodSandbox(request);
    return new Pod(this.cri, podSandboxId, config);
  }
}

export class Pod {
  readonly id: string;
  readonly config: PodConfig;
  readonly #cri: CriUnderTest;
  #containers = 0;

  constructor(cri: CriUnderTest, id: string, config: PodConfig) {
    this.#cri = cri;
    this.id = id;
    this.config = config;
  }

  /** Creates a container that runs a shell script; `security` goes into its security context. */
  async create(script: string, more: ContainerInit = {}, security: object = {}): Promise<string> {
    const name = `c${this.#containers++}`;
    const namespaceOptions = { pid: NamespaceMode.CONTAINER };
    const config = {
      metadata: { name, attempt: 0 },
      image: { image: this.#cri.image },
      command: ['/bin/sh', '-c', script],
      logPath: `${name}.log`,
      linux: { securityContext: { namespaceOptions, ...security } },
      ...more,
    };
    const request = { podSandboxId: this.id, config, sandboxConfig: this.config };
    return (await this.#cri.runtime.createContainer(request)).containerId;
  }

  async run(script: string, more: ContainerInit = {}, security: object = {}): Promise<string> {
    const containerId = await this.create(script, more, security);
    await this.#cri.runtime.startContainer({ containerId });
    return containerId;
  }

  async status(containerId: string): Promise<ContainerStatus> {
    const { status } = await this.#cri.runtime.containerStatus({ containerId });
    assert.ok(status);
    return status;
  }

  /** Its status once it has ended. */
  async ended(containerId: string): Promise<ContainerStatus> {
    return until('the container to end', async () => {
      const status = await this.status(containerId);
      return status.state === ContainerState.CONTAINER_EXITED ? status : undefined;
    });
  }

  /** What the script printed, once it has ended with status 0. */
  async output(script: string, more: ContainerInit = {}, security: object = {}): Promise<string> {
    const id = await this.run(script, more, security);
    const status = await this.ended(id);
    const lines = logLines(status.logPath);
    const said = lines.map(([, text]) => text).join('\n');
    assert.equal(status.exitCode, 0, said);
    return said;
  }

  async remove(): Promise<void> {
    await this.#cri.runtime.stopPodSandbox({ podSandboxId: this.id });
    await this.#cri.runtime.removePodSandbox({ podSandboxId: this.id });
  }
}

/** The lines of a log in the CRI's format: stream and text. */
export function logLines(path: string): [stream: string, text: string][] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const match = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\S+ (stdout|stderr) F (.*)$/.exec(line);
    assert.ok(match, `not a line of the CRI's log format: ${line}`);
    return [match[1] ?? '', match[2] ?? ''];
  });
}

/** A check for `assert.rejects`: a gRPC status, and words of the message. */
export function fails(code: Code | undefined, words = /./): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof ConnectError, String(error));
    if (code !== undefined) assert.equal(Code[error.code], Code[code], error.message);
    assert.match(error.rawMessage, words);
    return true;
  };
}

/** Runs the whole contract against what `setUp` starts. */
export function criContract(name: string, setUp: (folder: string) => Promise<CriUnderTest>): void {
  describe(`${name} as a container runtime`, needsRuntime, () => {
    let bench: CriBench;
    const folder = { path: '' };
    before(async () => {
      folder.path = mkdtempSync(join(tmpdir(), 'cri-'));
      bench = new CriBench(await setUp(folder.path), folder.path);
    });
    after(async () => {
      await bench?.cri.stop();
      rmSync(folder.path, { recursive: true, force: true, maxRetries: 10 });
    });
    const within = async (work: (pod: Pod, bench: CriBench) => Promise<void>, more: PodInit = {}) => {
      const pod = await bench.pod(more);
      try {
        await work(pod, bench);
      } finally {
        await pod.remove();
      }
    };
    podTests(within);
    lifecycleTests(within);
    settingTests(within);
    execTests(within);
    streamTests(within);
  });
}

type Within = (work: (pod: Pod, bench: CriBench) => Promise<void>, more?: PodInit) => Promise<void>;

function podTests(within: Within): void {
  test('Version and Status say that it is ready', () =>
    within(async (_pod, { cri: { runtime } }) => {
      assert.equal((await runtime.version({})).runtimeApiVersion, 'v1');
      const { status } = await runtime.status({});
      const ready = status?.conditions.find(({ type }) => type === 'RuntimeReady');
      assert.equal(ready?.status, true);
    }));

  test('RunPodSandbox makes a pod that status and lists show, by every filter', () =>
    within(
      async ({ id, config }, { cri: { runtime } }) => {
        const { status } = await runtime.podSandboxStatus({ podSandboxId: id });
        assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
        assert.equal(status.metadata?.uid, config.metadata.uid);
        assert.deepEqual(status.labels, { app: 'one', tier: 'test' });
        assert.deepEqual(status.annotations, { note: 'kept' });
        assert.ok(status.createdAt > 0n);
        const list = async (filter: object) =>
          (await runtime.listPodSandbox({ filter })).items.map((item) => item.id);
        assert.deepEqual(await list({ id }), [id]);
        assert.deepEqual(await list({ labelSelector: { app: 'one' } }), [id]);
        assert.deepEqual(await list({ labelSelector: { app: 'two' } }), []);
        assert.deepEqual(await list({ id, state: { state: PodSandboxState.SANDBOX_NOTREADY } }), []);
        await runtime.stopPodSandbox({ podSandboxId: id });
        assert.deepEqual(await list({ id, state: { state: PodSandboxState.SANDBOX_NOTREADY } }), [id]);
      },
      { labels: { app: 'one', tier: 'test' }, annotations: { note: 'kept' } },
    ));

  test('StopPodSandbox and RemovePodSandbox can be repeated, and end what runs', () =>
    within(async (pod, { cri: { runtime } }) => {
      const container = await pod.run('while :; do sleep 1; done');
      await runtime.stopPodSandbox({ podSandboxId: pod.id });
      assert.equal((await pod.status(container)).state, ContainerState.CONTAINER_EXITED);
      for (let i = 0; i < 2; i++) {
        await runtime.stopPodSandbox({ podSandboxId: pod.id });
        await runtime.removePodSandbox({ podSandboxId: pod.id });
      }
      assert.deepEqual((await runtime.listContainers({ filter: { podSandboxId: pod.id } })).containers, []);
      await assert.rejects(runtime.podSandboxStatus({ podSandboxId: pod.id }), fails(Code.NotFound));
    }));

  test('RunPodSandbox refuses the same pod twice and unknown handlers', () =>
    within(async ({ config }, { cri: { handler, runtime } }) => {
      await assert.rejects(runtime.runPodSandbox({ config, runtimeHandler: handler }), fails(undefined));
      const other = {
        ...config,
        metadata: { ...config.metadata, uid: `${config.metadata.uid}-x`, name: 'x' },
      };
      await assert.rejects(
        runtime.runPodSandbox({ config: other, runtimeHandler: 'none' }),
        fails(undefined),
      );
    }));
}

function lifecycleTests(within: Within): void {
  test('a container goes from created over running to exited', () =>
    within(async (pod, { cri: { runtime, image } }) => {
      const id = await pod.create('exit 3', { labels: { l: 'v' }, annotations: { a: 'w' } });
      const created = await pod.status(id);
      assert.equal(created.state, ContainerState.CONTAINER_CREATED);
      assert.equal(created.startedAt, 0n);
      assert.equal(created.image?.image, image);
      assert.deepEqual([created.labels, created.annotations], [{ l: 'v' }, { a: 'w' }]);
      await runtime.startContainer({ containerId: id });
      const { exitCode, reason, createdAt, startedAt, finishedAt } = await pod.ended(id);
      assert.deepEqual([exitCode, reason], [3, 'Error']);
      assert.ok(createdAt <= startedAt && startedAt > 0n && finishedAt > 0n);
      const done = await pod.run('exit 0');
      assert.equal((await pod.ended(done)).reason, 'Completed');
      await runtime.removeContainer({ containerId: id });
      await runtime.removeContainer({ containerId: id });
      await assert.rejects(runtime.containerStatus({ containerId: id }), fails(Code.NotFound));
    }));

  test('ListContainers filters by id, pod, state and labels', () =>
    within(async (pod, { cri: { runtime } }) => {
      const running = await pod.run('while :; do sleep 1; done', { labels: { which: 'a' } });
      const created = await pod.create('true', { labels: { which: 'b' } });
      const list = async (filter: object) =>
        (await runtime.listContainers({ filter })).containers.map((item) => item.id).sort();
      const podSandboxId = pod.id;
      assert.deepEqual(await list({ podSandboxId }), [created, running].sort());
      assert.deepEqual(await list({ id: running }), [running]);
      const state = { state: ContainerState.CONTAINER_RUNNING };
      assert.deepEqual(await list({ podSandboxId, state }), [running]);
      assert.deepEqual(await list({ podSandboxId, labelSelector: { which: 'b' } }), [created]);
      assert.deepEqual(await list({ podSandboxId, labelSelector: { which: 'c' } }), []);
    }));

  test('StopContainer sends SIGTERM, waits, and kills what does not go', () =>
    within(async (pod, { cri: { runtime } }) => {
      const polite = await pod.run('trap "exit 7" TERM; echo up; while :; do sleep 0.05; done');
      const deaf = await pod.run('trap "" TERM; echo up; while :; do sleep 0.05; done');
      for (const id of [polite, deaf]) {
        const { logPath } = await pod.status(id);
        await until('the container to be up', () => readFileSync(logPath, 'utf8') !== '');
      }
      await runtime.stopContainer({ containerId: polite, timeout: 60n });
      assert.equal((await pod.status(polite)).exitCode, 7);
      await runtime.stopContainer({ containerId: deaf, timeout: 1n });
      assert.equal((await pod.status(deaf)).exitCode, 137);
      await runtime.stopContainer({ containerId: deaf, timeout: 1n });
    }));

  test('RemoveContainer ends what runs', () =>
    within(async (pod, { cri: { runtime } }) => {
      const containerId = await pod.run('while :; do sleep 1; done');
      await runtime.removeContainer({ containerId });
      assert.deepEqual((await runtime.listContainers({ filter: { id: containerId } })).containers, []);
    }));

  test('the log has both streams in the CRI format and is opened anew after a rotation', () =>
    within(async (pod, { cri: { runtime } }) => {
      const go = join(pod.config.logDirectory, 'go');
      mkdirSync(go, { recursive: true });
      const script = 'echo out; echo err >&2; until test -e /go/on; do sleep 0.05; done; echo later';
      const containerId = await pod.run(script, { mounts: [{ hostPath: go, containerPath: '/go' }] });
      const { logPath } = await pod.status(containerId);
      await until('two lines', () => logLines(logPath).length === 2);
      assert.deepEqual(logLines(logPath).sort(), [
        ['stderr', 'err'],
        ['stdout', 'out'],
      ]);
      renameSync(logPath, `${logPath}.1`);
      await runtime.reopenContainerLog({ containerId });
      writeFileSync(join(go, 'on'), '');
      await pod.ended(containerId);
      assert.deepEqual(logLines(logPath), [['stdout', 'later']]);
    }));

  test('what cannot be done is an error with a status of its own', () =>
    within(async (pod, { cri: { runtime } }) => {
      const missing = 'f'.repeat(64);
      await assert.rejects(runtime.startContainer({ containerId: missing }), fails(Code.NotFound));
      await assert.rejects(runtime.containerStatus({ containerId: missing }), fails(Code.NotFound));
      await runtime.stopContainer({ containerId: missing });
      await runtime.removeContainer({ containerId: missing });
      const image = { image: 'test.local/not-here:1' };
      await assert.rejects(pod.create('true', { image }), fails(Code.NotFound));
      const id = await pod.run('true');
      await pod.ended(id);
      await assert.rejects(runtime.startContainer({ containerId: id }), fails(undefined));
    }));

  test('a command that is not there fails the start and says so', () =>
    within(async (pod, { cri: { runtime } }) => {
      const id = await pod.create('', { command: ['/not/there'] });
      await assert.rejects(runtime.startContainer({ containerId: id }), fails(undefined, /not\/there/));
      const status = await pod.status(id);
      assert.equal(status.state, ContainerState.CONTAINER_EXITED);
      assert.equal(status.exitCode, 128);
      assert.equal(status.reason, 'StartError');
      assert.match(status.message, /not\/there/);
    }));
}

function settingTests(within: Within): void {
  test('command, arguments, environment and working directory are those asked for', () =>
    within(async (pod) => {
      const said = await pod.output('', {
        command: ['/bin/sh', '-c', 'echo "$0 $1"; pwd; echo "$FROM_IMAGE $MINE $PATH"'],
        args: ['zero', 'one two'],
        envs: [{ key: 'MINE', value: 'a=b c' }],
        workingDir: '/etc',
      });
      assert.deepEqual(said.split('\n'), ['zero one two', '/etc', 'yes a=b c /bin']);
    }));

  test('user and groups come from the numbers given or the names in the image', () =>
    within(async (pod) => {
      const id = 'id -u; id -g; id -G';
      const asNumber = { runAsUser: { value: 1234n }, runAsGroup: { value: 55n }, supplementalGroups: [77n] };
      assert.deepEqual((await pod.output(id, {}, asNumber)).split('\n'), ['1234', '55', '55 77']);
      const [uid, gid, groups = ''] = (await pod.output(id, {}, { runAsUsername: 'app' })).split('\n');
      assert.deepEqual([uid, gid], ['1000', '1001']);
      assert.deepEqual(groups.split(' ').sort(), ['1001', '1002']);
      // Some say so when it is created, some when it is started.
      await assert.rejects(
        pod.run('id', {}, { runAsUsername: 'nobody-here' }),
        fails(undefined, /nobody-here|no users found/),
      );
    }));

  test('capabilities are dropped and added, new privileges can be forbidden', () =>
    within(async (pod) => {
      const script = "grep -E '^(CapEff|NoNewPrivs)' /proc/self/status";
      const dropped = { capabilities: { dropCapabilities: ['ALL'], addCapabilities: ['NET_BIND_SERVICE'] } };
      const said = await pod.output(script, {}, { ...dropped, noNewPrivs: true });
      assert.deepEqual(said.split('\n'), ['CapEff:\t0000000000000400', 'NoNewPrivs:\t1']);
      assert.match(await pod.output(script), /^CapEff:\t00000000a80425fb\nNoNewPrivs:\t0$/);
    }));

  test('volumes are mounted for writing or for reading, and the root can be read-only', () =>
    within(async (pod, { folder }) => {
      const hostPath = join(folder, 'volume');
      mkdirSync(hostPath, { recursive: true });
      const mounts = [
        { hostPath, containerPath: '/rw' },
        { hostPath, containerPath: '/ro', readonly: true },
      ];
      const script = 'echo text > /rw/file; cat /ro/file; touch /ro/x || echo ro; touch /x || echo root ro';
      const said = await pod.output(script, { mounts }, { readonlyRootfs: true });
      assert.deepEqual(
        said.split('\n').filter((line) => !line.startsWith('touch')),
        ['text', 'ro', 'root ro'],
      );
      assert.equal(readFileSync(join(hostPath, 'file'), 'utf8'), 'text\n');
    }));

  test('containers of a pod share its network, name and /dev/shm, but not processes', () =>
    within(async (pod) => {
      await pod.run('echo from the other > /dev/shm/file; nc -l -p 7000 -e echo answer; sleep 100');
      const script = [
        'until test -s /dev/shm/file && nc 127.0.0.1 7000; do sleep 0.05; done',
        'cat /dev/shm/file; hostname; ps | grep -c "[s]leep 100" || true; grep -c 127.0.0.1 /etc/hosts',
      ].join('; ');
      const said = (await pod.output(script)).split('\n').filter((line) => !line.startsWith('nc:'));
      assert.deepEqual(said.slice(0, 3), ['answer', 'from the other', 'pod-host']);
      assert.equal(said[3], '0', 'it sees processes of the other container');
      assert.match(said[4] ?? '', /^[1-9]/);
    }));

  test('a pod on the network of the node sees the interfaces of the node', () =>
    within(
      async (pod) => {
        const own = readFileSync('/proc/net/dev', 'utf8').split('\n').length;
        const options = { namespaceOptions: { pid: NamespaceMode.CONTAINER, network: NamespaceMode.NODE } };
        const said = await pod.output('cat /proc/net/dev', {}, options);
        assert.equal(said.split('\n').length + 1, own);
      },
      {
        hostname: '',
        linux: {
          securityContext: {
            namespaceOptions: { pid: NamespaceMode.CONTAINER, network: NamespaceMode.NODE },
          },
        },
      },
    ));
}

function execTests(within: Within): void {
  const forever = 'while :; do sleep 1; done';

  test('ExecSync gives back both streams as bytes, and the exit status', () =>
    within(async (pod, { cri: { runtime } }) => {
      const containerId = await pod.run(forever);
      const script = 'printf "\\377\\000\\001"; echo err >&2; cat; exit 5';
      const done = await runtime.execSync({ containerId, cmd: ['/bin/sh', '-c', script], timeout: 60n });
      assert.deepEqual([...done.stdout], [0xff, 0, 1]);
      assert.equal(Buffer.from(done.stderr).toString(), 'err\n');
      assert.equal(done.exitCode, 5);
    }));

  test('ExecSync kills a command that takes too long, and the container goes on', () =>
    within(async (pod, { cri: { runtime } }) => {
      const containerId = await pod.run(forever);
      const late = runtime.execSync({ containerId, cmd: ['sleep', '1000'], timeout: 1n });
      await assert.rejects(late, fails(Code.DeadlineExceeded));
      const { stdout } = await runtime.execSync({ containerId, cmd: ['ps'] });
      assert.doesNotMatch(Buffer.from(stdout).toString(), /sleep 1000/);
      assert.equal((await pod.status(containerId)).state, ContainerState.CONTAINER_RUNNING);
    }));

  test('ExecSync fails where there is no such command or nothing runs', () =>
    within(async (pod, { cri: { runtime } }) => {
      const containerId = await pod.run(forever);
      await assert.rejects(runtime.execSync({ containerId, cmd: ['no-such'] }), fails(undefined, /no-such/));
      await runtime.stopContainer({ containerId, timeout: 0n });
      await assert.rejects(runtime.execSync({ containerId, cmd: ['true'] }), fails(undefined));
    }));
}
