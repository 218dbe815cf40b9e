import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Http2Session } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Code, type ConnectRouter, createClient, createRouterTransport } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import { CriBench, fails, logLines, type Pod } from '../../../test/contract/cri.ts';
import { busyboxImage, writeOciLayout } from '../../../test/images.ts';
import { needsRuntime, noCni, until } from '../../../test/runtime.ts';
import {
  ContainerEventType,
  ContainerState,
  ImageService,
  NamespaceMode,
  RuntimeService,
  SecurityProfile_ProfileType,
} from '../../gen/cri/v1/api_pb.ts';
import { createBuiltinRuntime } from './builtin-runtime.ts';
import { findCgroups } from './cgroups.ts';

const image = 'localhost/busybox:1';
const forever = 'while :; do sleep 1; done';

for (const handler of ['crun', 'runc'] as const) {
  describe(`the built-in runtime over ${handler}`, needsRuntime, () => {
    const log: string[] = [];
    let folder = '';
    let bench: CriBench;
    let close = async (): Promise<void> => {};
    let routes = (_router: ConnectRouter): void => {};
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'builtin-'));
      const [root, state] = [join(folder, 'root'), join(folder, 'state')];
      const open = await createBuiltinRuntime({
        root,
        state,
        log: (line) => log.push(line),
        version: '1.2.3',
        cni: noCni,
      });
      close = open.close;
      routes = (router) => open.routes(router);
      const transport = createRouterTransport((router) => open.routes(router));
      const images = createClient(ImageService, transport);
      await writeOciLayout(join(folder, 'image'), image, busyboxImage());
      await images.pullImage({ image: { image: `oci:${join(folder, 'image')}` } });
      const runtime = createClient(RuntimeService, transport);
      bench = new CriBench({ runtime, images, image, handler, stop: close }, folder);
    });
    after(async () => {
      await close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    });

    const within = async (work: (pod: Pod) => Promise<void>, more = {}): Promise<void> => {
      const pod = await bench.pod(more);
      try {
        await work(pod);
      } finally {
        await pod.remove();
      }
    };
    const info = async (containerId: string): Promise<{ cgroup: string; notes: string[] }> => {
      const { info } = await bench.cri.runtime.containerStatus({ containerId, verbose: true });
      return JSON.parse(info['info'] ?? '');
    };

    test('a limit without a controller is said, in the status and in the log', () =>
      within(async (pod) => {
        const { controllers } = await findCgroups();
        const resources = { memoryLimitInBytes: 1n << 28n, cpuQuota: 50_000n, cpuPeriod: 100_000n };
        const id = await pod.run('true', { linux: { resources } }, {});
        const { notes } = await info(id);
        const expected = [
          ...(controllers.has('cpu')
            ? []
            : [
                'cpu.quota=50000, cpu.period=100000 not applied: this machine has no cgroup controller "cpu"',
              ]),
          ...(controllers.has('memory')
            ? []
            : ['memory.limit=268435456 not applied: this machine has no cgroup controller "memory"']),
        ];
        assert.deepEqual(notes, expected);
        for (const note of expected) assert.ok(log.some((line) => line.endsWith(note)));
        const { runtime } = bench.cri;
        await runtime.updateContainerResources({ containerId: id, linux: { cpusetCpus: '0' } });
        assert.equal((await pod.status(id)).resources?.linux?.cpusetCpus, '0');
      }));

    test('seccomp profiles are applied: the default, one of the node, or none', () =>
      within(async (pod) => {
        const mode = 'grep Seccomp: /proc/self/status';
        assert.equal(await pod.output(mode), 'Seccomp:\t0');
        const { RuntimeDefault, Localhost } = SecurityProfile_ProfileType;
        const usual = { seccomp: { profileType: RuntimeDefault } };
        assert.equal(await pod.output(mode, {}, usual), 'Seccomp:\t2');
        const localhostRef = join(folder, 'profile.json');
        const refuse = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 };
        writeFileSync(localhostRef, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [refuse] }));
        const own = { seccomp: { profileType: Localhost, localhostRef } };
        const said = await pod.output('mkdir /tmp/x 2>&1 || true', {}, own);
        assert.match(said, /Function not implemented/);
        writeFileSync(localhostRef, 'no JSON');
        await assert.rejects(pod.create('true', {}, own), fails(Code.InvalidArgument, /not JSON/));
      }));

    test('a privileged container needs a pod for it, and gets devices and capabilities', () =>
      within(async (pod) => {
        const privileged = { privileged: true };
        await assert.rejects(pod.create('true', {}, privileged), fails(Code.InvalidArgument, /privileged/));
        const linux = { securityContext: { privileged: true } };
        await within(
          async (other) => {
            const script = 'grep CapEff /proc/self/status; test -c /dev/kmsg; echo $?';
            const [line, device] = (await other.output(script, {}, privileged)).split('\n');
            const own = /^CapBnd:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
            assert.deepEqual([line, device], [`CapEff:\t${own}`, '0']);
          },
          { linux },
        );
      }));

    test('a device is given with its numbers and permissions', () =>
      within(async (pod) => {
        const devices = [{ hostPath: '/dev/null', containerPath: '/dev/nothing', permissions: 'r' }];
        assert.equal(
          await pod.output('stat -c "%F %t %T" /dev/nothing', { devices }),
          'character special file 1 3',
        );
        const missing = [{ hostPath: '/dev/no-such', containerPath: '', permissions: '' }];
        await assert.rejects(
          pod.create('true', { devices: missing }),
          fails(Code.InvalidArgument, /no-such/),
        );
      }));

    test('what is not supported is refused by name', () =>
      within(async (pod) => {
        const cases: [RegExp, object, object][] = [
          [/process namespace/, {}, { namespaceOptions: { pid: NamespaceMode.POD } }],
          [/image as a volume/, { mounts: [{ containerPath: '/x', image: { image } }] }, {}],
          [/not an absolute path/, { mounts: [{ containerPath: '/x', hostPath: 'x' }] }, {}],
          [/\/no\/such does not exist/, { mounts: [{ containerPath: '/x', hostPath: '/no/such' }] }, {}],
          [/below the root/, { mounts: [{ containerPath: '/', hostPath: '/tmp' }] }, {}],
          [/CAP_NONE/, {}, { capabilities: { addCapabilities: ['CAP_NONE'] } }],
          [/leads out of the log folder/, { logPath: '../x.log' }, {}],
        ];
        for (const [words, more, security] of cases) {
          await assert.rejects(pod.create('true', more, security), fails(undefined, words));
        }
        const { containers } = await bench.cri.runtime.listContainers({ filter: { podSandboxId: pod.id } });
        assert.deepEqual(containers, []);
      }));

    test('a container without a log path keeps its log to itself', () =>
      within(async (pod) => {
        const id = await pod.run('echo kept', { logPath: '' });
        const { logPath } = await pod.ended(id);
        assert.equal(logPath, join(folder, 'root/containers', id, 'container.log'));
        assert.deepEqual(logLines(logPath), [['stdout', 'kept']]);
      }));

    test('a container with a terminal has one', () =>
      within(async (pod) => {
        const id = await pod.run('test -t 0 && echo "a terminal, $TERM"', { tty: true });
        const { logPath, exitCode } = await pod.ended(id);
        assert.equal(exitCode, 0);
        assert.match(readFileSync(logPath, 'utf8'), /a terminal, xterm/);
      }));

    test('a frozen container can be stopped', () =>
      within(async (pod) => {
        const id = await pod.run(forever);
        const { cgroup } = await info(id);
        writeFileSync(join((await findCgroups()).mount, cgroup, 'cgroup.freeze'), '1');
        await bench.cri.runtime.stopContainer({ containerId: id, timeout: 0n });
        assert.equal((await pod.status(id)).exitCode, 137);
      }));

    test('GetContainerEvents tells what happens to containers, in order', () =>
      within(async (pod) => {
        const stop = new AbortController();
        const seen: [string, ContainerEventType][] = [];
        const events = bench.cri.runtime.getContainerEvents({}, { signal: stop.signal });
        const reading = (async () => {
          for await (const { containerId, containerEventType, podSandboxStatus } of events) {
            if (podSandboxStatus?.id === pod.id) seen.push([containerId, containerEventType]);
          }
        })();
        const id = await until('an event', async () => {
          const made = await pod.run('true');
          await pod.ended(made);
          await bench.cri.runtime.removeContainer({ containerId: made });
          return seen.length > 0 && made;
        });
        const types = [
          ContainerEventType.CONTAINER_CREATED_EVENT,
          ContainerEventType.CONTAINER_STARTED_EVENT,
          ContainerEventType.CONTAINER_STOPPED_EVENT,
          ContainerEventType.CONTAINER_DELETED_EVENT,
        ];
        const ofIt = () => seen.filter(([containerId]) => containerId === id).map(([, type]) => type);
        await until('all events', () => ofIt().length === types.length);
        assert.deepEqual(ofIt(), types);
        stop.abort();
        await assert.rejects(reading, fails(Code.Canceled));
      }));

    test('ContainerStats counts time, memory and what was written', () =>
      within(async (pod) => {
        const script = `dd if=/dev/zero of=/file bs=1024 count=3000 2>/dev/null; ${forever}`;
        const id = await pod.run(script);
        const stats = await until('the file to be there', async () => {
          const { stats } = await bench.cri.runtime.containerStats({ containerId: id });
          return (stats?.writableLayer?.usedBytes?.value ?? 0n) >= 3_000_000n ? stats : undefined;
        });
        assert.ok((stats.cpu?.usageCoreNanoSeconds?.value ?? 0n) > 0n);
        assert.ok((stats.memory?.workingSetBytes?.value ?? 0n) > 0n);
        const listed = await bench.cri.runtime.listContainerStats({ filter: { id } });
        assert.equal(listed.stats[0]?.attributes?.metadata?.name, 'c0');
        const whole = await bench.cri.runtime.podSandboxStats({ podSandboxId: pod.id });
        assert.deepEqual(
          whole.stats?.linux?.containers.map(({ attributes }) => attributes?.id),
          [id],
        );
        assert.ok((whole.stats?.linux?.process?.processCount?.value ?? 0n) >= 1n);
      }));

    test('the streams have what the lists have', () =>
      within(async (pod) => {
        const { runtime, images } = bench.cri;
        const ids = [await pod.create('true'), await pod.create('true')];
        const all = async <T>(stream: AsyncIterable<T>): Promise<T[]> => {
          const items: T[] = [];
          for await (const item of stream) items.push(item);
          return items;
        };
        const filter = { podSandboxId: pod.id };
        const containers = await all(runtime.streamContainers({ filter }));
        assert.deepEqual(
          containers.map(({ container }) => container?.id),
          ids,
        );
        assert.deepEqual(
          containers.map(({ container }) => container),
          (await runtime.listContainers({ filter })).containers,
        );
        const pods = await all(runtime.streamPodSandboxes({ filter: { id: pod.id } }));
        assert.deepEqual(
          pods.map(({ podSandbox }) => podSandbox?.id),
          [pod.id],
        );
        const listed = (await images.listImages({})).images;
        assert.deepEqual(
          (await all(images.streamImages({}))).map((each) => each.image),
          listed,
        );
      }));

    test('the services answer gRPC over a socket as they do in the process', () =>
      within(async (pod) => {
        const path = join(folder, 'cri.sock');
        const sessions: Http2Session[] = [];
        const server = createServer(connectNodeAdapter({ routes })).listen(path);
        server.on('session', (session) => sessions.push(session));
        const transport = createGrpcTransport({
          baseUrl: 'http://localhost',
          nodeOptions: { createConnection: () => connect(path) },
        });
        const runtime = createClient(RuntimeService, transport);
        try {
          const { items } = await runtime.listPodSandbox({ filter: { id: pod.id } });
          assert.deepEqual(items, (await bench.cri.runtime.listPodSandbox({ filter: { id: pod.id } })).items);
          const missing = runtime.containerStatus({ containerId: 'f'.repeat(64) });
          await assert.rejects(missing, fails(Code.NotFound, /no container has the id/));
        } finally {
          server.close();
          for (const session of sessions) session.destroy();
        }
      }));

    test('an image in use stays; what a registry would have is not found', () =>
      within(async (pod) => {
        const { images, runtime } = bench.cri;
        await pod.create('true');
        await assert.rejects(
          images.removeImage({ image: { image } }),
          fails(Code.FailedPrecondition, /in use/),
        );
        await assert.rejects(
          images.pullImage({ image: { image: 'redis:7' } }),
          fails(Code.NotFound, /rootdir/),
        );
        assert.equal((await images.imageStatus({ image: { image: 'redis:7' } })).image, undefined);
        const [only, ...others] = (await images.listImages({})).images;
        assert.ok(only?.repoTags.includes(image) && others.length === 0);
        const { imageFilesystems } = await images.imageFsInfo({});
        assert.ok((imageFilesystems[0]?.usedBytes?.value ?? 0n) > 1_000_000n);
        await assert.rejects(runtime.exec({ containerId: 'x', cmd: ['true'] }), fails(Code.NotFound));
        await assert.rejects(runtime.checkpointContainer({ containerId: 'x' }), fails(Code.Unimplemented));
        assert.equal((await runtime.version({})).runtimeVersion, '1.2.3');
      }));

    test("a folder of the machine runs as an image: Debian's redis-server", () =>
      within(async (pod) => {
        const { images, runtime } = bench.cri;
        await images.pullImage({ image: { image: 'rootdir:/' } });
        const command = ['redis-server', '--port', '7777', '--save', ''];
        const containerId = await pod.run('', { image: { image: 'rootdir:/' }, command });
        const cli = async (...words: string[]): Promise<string> => {
          const done = await runtime.execSync({ containerId, cmd: ['redis-cli', '-p', '7777', ...words] });
          return Buffer.from(done.stdout).toString().trim();
        };
        await until('redis to answer', async () => (await cli('ping')) === 'PONG');
        assert.equal(await cli('set', 'key', 'value'), 'OK');
        assert.equal(await cli('get', 'key'), 'value');
        await runtime.stopContainer({ containerId, timeout: 60n });
        const { state, exitCode } = await pod.status(containerId);
        assert.deepEqual([state, exitCode], [ContainerState.CONTAINER_EXITED, 0]);
      }));
  });
}
