import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { forgetConnections, keepConnections } from '../../../test/criu-settings.ts';
import { containerdWithLoad, grows, type LoadedContainerd } from '../../../test/engines/loaded-containerd.ts';
import { needsRuntime, until } from '../../../test/runtime.ts';
import { fitTogether, tcpStreams } from '../../../test/tcp-streams.ts';
import { podAnnotations, podMemberNames } from '../../checkpoint/layout.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { isFrozen } from '../builtin/freezer.ts';
import { openCriRuntime } from './cri-runtime.ts';
import { cgroupOfContainer } from './let-run.ts';
import { networkOfPod } from './pod-network.ts';

/** containerd, whose CRIU keeps connections, and our way to it. */
async function machine(t: TestContext) {
  await keepConnections(t);
  const ctd = await containerdWithLoad(t);
  const notes = join(ctd.folder, 'notes');
  const connected = await openCriRuntime({ path: ctd.containerd.socket, notes });
  t.after(() => connected.close());
  return { ctd, notes, connected, cri: createClient(RuntimeService, connected.transport) };
}

async function talking(ctd: LoadedContainerd, name: string, handler: 'crun' | 'runc', mib = '1') {
  const pod = await ctd.pod(name, handler);
  const server = await ctd.add(pod, 'server', ['server', '7000', mib]);
  const client = await ctd.add(pod, 'client', ['client', '7000', mib]);
  await grows(client.log);
  return { pod, server, client, ids: [server.id, client.id] };
}

function emptyFolder(ctd: LoadedContainerd, name: string): string {
  const folder = join(ctd.folder, name);
  mkdirSync(folder);
  return folder;
}

async function fits(server: string, client: string): Promise<boolean> {
  const [[a, ...others], [b]] = [await tcpStreams(server), await tcpStreams(client)];
  assert.ok(a !== undefined && b !== undefined && others.length === 0, 'one connection in each');
  return fitTogether(a, b);
}

for (const handler of ['crun', 'runc'] as const) {
  test(
    `checkpointPod over containerd and ${handler} captures all containers at one moment`,
    needsRuntime,
    async (t) => {
      const { ctd, notes, cri } = await machine(t);
      const { pod, client, ids } = await talking(ctd, 'talk', handler);
      const volume = emptyFolder(ctd, 'volume');
      const options = { 'volume/v': volume };
      for (const round of [0, 1, 2]) {
        const outputPath = emptyFolder(ctd, `out${round}`);
        await cri.checkpointPod({ podSandboxId: pod.id, outputPath, containerIds: ids, options });
        assert.deepEqual(readdirSync(outputPath).sort(), [
          'client.tar',
          'pod.dump',
          'pod.options',
          'server.tar',
          'volumes',
        ]);
        assert.deepEqual(readdirSync(join(outputPath, 'volumes')), ['v.tar']);
        assert.ok(await fits(join(outputPath, 'server.tar'), join(outputPath, 'client.tar')));
        const described = JSON.parse(readFileSync(join(outputPath, podMemberNames.podOptions), 'utf8'));
        assert.ok(Number(described.annotations[podAnnotations.frozenMicroseconds]) > 0);
        await grows(client.log);
        assert.deepEqual(readdirSync(notes), []);
      }
      // One after the other they do not fit, so what is above can fail.
      const [server = '', second = ''] = ids;
      const apart = emptyFolder(ctd, 'apart');
      await cri.checkpointContainer({ containerId: server, location: join(apart, 'server.tar') });
      await grows(client.log);
      await cri.checkpointContainer({ containerId: second, location: join(apart, 'client.tar') });
      assert.equal(await fits(join(apart, 'server.tar'), join(apart, 'client.tar')), false);
    },
  );
}

test(
  'checkpointPod over containerd: one bad container fails the whole, and all run',
  needsRuntime,
  async (t) => {
    const { ctd, notes, cri } = await machine(t);
    const { pod, client, ids } = await talking(ctd, 'bad', 'crun', '64');
    const outputPath = emptyFolder(ctd, 'out');
    const request = { podSandboxId: pod.id, outputPath, containerIds: ids };
    const fails = async (changed: object, code: Code, words: RegExp, options?: object) => {
      await assert.rejects(cri.checkpointPod({ ...request, ...changed }, options), (error: unknown) => {
        assert.ok(error instanceof ConnectError);
        assert.match(error.rawMessage, words);
        assert.equal(Code[error.code], Code[code]);
        return true;
      });
      assert.deepEqual(readdirSync(outputPath), []);
      // Where the call was given up, they are looked after for a while.
      if (options === undefined) assert.deepEqual(readdirSync(notes), []);
      await grows(client.log);
    };
    const odd = await ctd.add(pod, 'odd', ['vsock']);
    await fails({ containerIds: [...ids, odd.id] }, Code.Unknown, /criu|CRIU|checkpoint/);
    await fails({ containerIds: [] }, Code.InvalidArgument, /container_ids is empty/);
    await fails({ containerIds: [...ids, ids[0]] }, Code.InvalidArgument, /is given twice/);
    await fails({ outputPath: '/nowhere' }, Code.InvalidArgument, /output_path .* cannot be used/);
    await fails({ options: { 'frozen-until-removed': 'no' } }, Code.InvalidArgument, /true or false/);
    await fails({ options: { other: 'true' } }, Code.InvalidArgument, /option "other" is not supported/);
    for (const timeoutMs of [20, 60, 120, 200]) {
      await fails({}, Code.DeadlineExceeded, /./, { timeoutMs }).catch(async (error: unknown) => {
        // It may have been fast enough; then the archives are there.
        if (readdirSync(outputPath).length !== 4) throw error;
      });
      if (readdirSync(outputPath).length > 0) break;
    }
    await until('nothing is noted any more', () => readdirSync(notes).length === 0);
  },
);

test(
  'checkpointPod over containerd keeps containers paused until its folder is removed',
  needsRuntime,
  async (t) => {
    const { ctd, notes, cri } = await machine(t);
    const { pod, client, ids } = await talking(ctd, 'held', 'crun');
    const outputPath = emptyFolder(ctd, 'out');
    const options = { 'frozen-until-removed': 'true' };
    await cri.checkpointPod({ podSandboxId: pod.id, outputPath, containerIds: ids, options });
    for (const id of ids) {
      const cgroup = await cgroupOfContainer(ctd.containerd.runtime, id);
      assert.ok(cgroup && (await isFrozen(cgroup)), 'it is paused');
    }
    assert.deepEqual(readdirSync(notes).sort(), [...ids].sort());
    rmSync(outputPath, { recursive: true });
    await grows(client.log);
    await until('nothing is noted', () => readdirSync(notes).length === 0);
  },
);

test(
  'close + containers that are kept paused, and those that may be paused yet, run when it is over',
  needsRuntime,
  async (t) => {
    const { ctd, notes, connected, cri } = await machine(t);
    const { pod, client, ids } = await talking(ctd, 'closed', 'crun', '64');
    const request = { podSandboxId: pod.id, containerIds: ids };
    const leaving = new AbortController();
    const outputPath = emptyFolder(ctd, 'left');
    const left = cri.checkpointPod({ ...request, outputPath }, { signal: leaving.signal });
    await until('a dump', () => readdirSync(outputPath).length > 0);
    leaving.abort();
    await assert.rejects(left);
    await until('it is given up', () => readdirSync(outputPath).length === 0);
    const options = { 'frozen-until-removed': 'true' };
    await cri.checkpointPod({ ...request, outputPath: emptyFolder(ctd, 'held'), options });
    await connected.close();
    for (const id of ids) {
      const cgroup = await cgroupOfContainer(ctd.containerd.runtime, id);
      assert.equal(cgroup && (await isFrozen(cgroup)), false);
    }
    await grows(client.log);
    assert.deepEqual(readdirSync(notes), []);
  },
);

/** A rule of CRIU's. */
const lock = /CRIU|0xc114/i;

/** Every CRIU that has a file open that is named after one of these containers. */
function criusFor(ids: readonly string[]): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      if (readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'criu\n') return false;
      const files = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      return files.some((file) => ids.some((id) => file.includes(id)));
    } catch {
      return false;
    }
  });
}

/** @returns whether one of them is there */
function signalAll(pids: readonly number[], signal: NodeJS.Signals): boolean {
  const reached = pids.filter((pid) => {
    try {
      return process.kill(pid, signal);
    } catch {
      return false;
    }
  });
  return reached.length > 0;
}

test(
  'checkpointPod over containerd: what a CRIU that is killed has locked in the network is unlocked',
  needsRuntime,
  async (t) => {
    const { ctd, cri } = await machine(t);
    const { pod, ids } = await talking(ctd, 'locked', 'crun', '200');
    const outputPath = emptyFolder(ctd, 'out');
    const network = await networkOfPod(ctd.containerd.runtime, pod.id);
    assert.ok(network, 'the pod has a network of its own');
    // Those of iptables are among them.
    const locks = () =>
      execFileSync('nsenter', [`--net=${network}`, 'nft', 'list', 'ruleset'], { encoding: 'utf8' });
    assert.doesNotMatch(locks(), lock);
    const call = cri.checkpointPod({ podSandboxId: pod.id, outputPath, containerIds: ids });
    call.catch(() => undefined);
    const criu = await until('a CRIU that dumps', () => {
      const found = criusFor(ids);
      return found.length > 0 && signalAll(found, 'SIGSTOP') ? found : undefined;
    });
    // It goes on by small steps, so that it has not ended by the time it is killed.
    while (!lock.test(locks())) {
      assert.ok(signalAll(criu, 'SIGCONT'), 'CRIU has locked the network before it ended');
      await sleep(5);
      signalAll(criu, 'SIGSTOP');
    }
    signalAll(criu, 'SIGKILL');
    await assert.rejects(call);
    assert.doesNotMatch(locks(), lock);
    assert.deepEqual(readdirSync(outputPath), []);
  },
);

test('restorePod over containerd says what it lacks for open connections', needsRuntime, async (t) => {
  const { ctd, cri } = await machine(t);
  const { pod, ids } = await talking(ctd, 'open', 'crun');
  const checkpointPath = emptyFolder(ctd, 'out');
  await cri.checkpointPod({ podSandboxId: pod.id, outputPath: checkpointPath, containerIds: ids });
  forgetConnections();
  const config = { ...pod.config, metadata: { ...pod.config.metadata, name: 'new', uid: 'uid-new' } };
  const containerConfigs = ['server', 'client'].map((name) => ({ metadata: { name, attempt: 0 } }));
  await assert.rejects(cri.restorePod({ checkpointPath, config, containerConfigs }), (error: unknown) => {
    assert.ok(error instanceof ConnectError && error.cause instanceof CodedError);
    assert.equal(error.code, Code.FailedPrecondition);
    assert.match(error.rawMessage, /container server: .* connected.* containerd does not tell CRIU/);
    assert.match(error.cause.hint ?? '', /tcp-established, or tcp-close .*\/etc\/criu\/crun.conf/);
    return true;
  });
  assert.equal((await cri.listPodSandbox({})).items.length, 1);
});

test('containers that a killed process had paused run again at the next start', needsRuntime, async (t) => {
  const { ctd, notes, connected } = await machine(t);
  const { client, ids } = await talking(ctd, 'killed', 'runc');
  mkdirSync(notes, { recursive: true });
  for (const id of ids) {
    writeFileSync(join(notes, id), '');
    await connected.facts.quirks.pause?.(connected.transport)(id, AbortSignal.timeout(10_000));
  }
  const cgroups = await Promise.all(ids.map((id) => cgroupOfContainer(ctd.containerd.runtime, id)));
  for (const cgroup of cgroups) assert.ok(cgroup && (await isFrozen(cgroup)), 'it is paused');
  assert.deepEqual((await connected.recover()).sort(), [...ids].sort());
  await grows(client.log);
  // What had been begun for them may freeze them yet.
  assert.deepEqual(readdirSync(notes).sort(), [...ids].sort());
  await until('nothing is noted any more', () => readdirSync(notes).length === 0);
});
