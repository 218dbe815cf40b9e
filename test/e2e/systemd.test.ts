import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseFlags } from '../../src/daemon/flags.ts';
import { containerdSettings } from '../engines/containerd.ts';
import { makeRootfs, writeImage } from '../engines/image.ts';
import { type Ended, folderFor, needsRuntime, project, runFor, startFor, until } from '../runtime.ts';

const unit = join(project, 'deploy/stasisd.service');
const dropIn = join(project, 'deploy/built-in-runtime.conf');
const networks = join(project, 'deploy/pod-networks.conf');

/** Folders that this systemd has for itself, so that it and the tests beside it do not meet. */
const own = [
  ...['/run', '/etc/systemd/system', '/etc/containerd', '/etc/stasis', '/etc/default', '/usr/local/bin'],
  ...['/var/lib/kubelet', '/var/lib/stasis', '/var/lib/containerd', '/var/log'],
];

interface Booted {
  /** Runs a program where systemd runs. */
  run(command: string, ...args: string[]): Promise<Ended>;
}

/**
 * Boots the systemd of this machine in namespaces of its own.
 * @param prepare lines of a shell script that runs before it, among its own folders
 */
async function boot(t: TestContext, prepare: readonly string[]): Promise<Booted> {
  const cgroup = `/sys/fs/cgroup/booted-${process.pid}-${Date.now()}`;
  mkdirSync(cgroup);
  t.after(() => removeCgroups(cgroup));
  const script = [
    `echo $$ >${cgroup}/cgroup.procs`,
    `exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin unshare --cgroup --pid --fork --kill-child --mount --mount-proc sh -ec '`,
    ...own.map((folder) => `mkdir -p ${folder}; mount -t tmpfs tmpfs ${folder}`),
    ...['mkdir /run/lock /etc/systemd/system/stasisd.service.d', ...prepare],
    `exec /lib/systemd/systemd --system --unit=basic.target --log-target=null'`,
  ];
  const starter = startFor(t, 'sh', ['-ec', script.join('\n')], { stdio: 'ignore' });
  const init = await until('systemd to start', () => {
    const children = readFileSync(`/proc/${starter.pid}/task/${starter.pid}/children`, 'utf8').trim();
    return readFileSync(`/proc/${children}/comm`, 'utf8') === 'systemd\n' ? children : undefined;
  });
  const run: Booted['run'] = (command, ...args) => runFor(t, 'nsenter', ['-t', init, '-a', command, ...args]);
  await until('systemd to be ready', async () =>
    /^(running|degraded)/.test((await run('systemctl', 'is-system-running')).stdout),
  );
  return { run };
}

function removeCgroups(folder: string): void {
  const inner = execFileSync('find', [folder, '-mindepth', '1', '-depth', '-type', 'd'], {
    encoding: 'utf8',
  });
  for (const path of [...inner.split('\n').filter(Boolean), folder]) rmdirSync(path);
}

/** A folder with images of a counter, and the lines that install the unit with these flags. */
async function installed(
  t: TestContext,
  flags: string,
  image: string,
): Promise<{ folder: string; lines: string[] }> {
  const folder = folderFor(t, 'systemd');
  await makeRootfs(join(folder, 'rootfs'));
  await writeImage(join(folder, 'pause.tar'), join(folder, 'rootfs'), 'localhost/pause:1', [
    '/bin/sleep',
    '1000000',
  ]);
  await writeImage(join(folder, 'counter.tar'), join(folder, 'rootfs'), 'localhost/counter:1', [
    '/bin/counter',
  ]);
  const pod = `{apiVersion: v1, kind: Pod, metadata: {name: count}, spec: {hostNetwork: true, terminationGracePeriodSeconds: 0,
    containers: [{name: c, image: "${image.replace('FOLDER', folder)}"}]}}`;
  writeFileSync(join(folder, 'count.yaml'), pod);
  writeFileSync(join(folder, 'stasisd.default'), `STASISD_FLAGS=${flags}\n`);
  writeFileSync(join(folder, 'config.toml'), containerdSettings('/var/lib/containerd', '/run/containerd'));
  const program = `#!/bin/sh\nexec ${process.execPath} ${join(project, 'bin/stasisd.cjs')} "$@"\n`;
  writeFileSync(join(folder, 'stasisd'), program, { mode: 0o755 });
  return {
    folder,
    lines: [
      `cp ${unit} /etc/systemd/system/`,
      `cp ${folder}/stasisd /usr/local/bin/`,
      `cp ${folder}/stasisd.default /etc/default/stasisd`,
      `cp ${folder}/config.toml /etc/containerd/`,
      'mkdir /etc/stasis/pods',
      `cp ${folder}/count.yaml /etc/stasis/pods/`,
    ],
  };
}

/** The pod runs, is checkpointed, and goes on over a stop, a kill and a start of the service. */
async function serves({ run }: Booted): Promise<void> {
  const stasis = (...args: string[]) => run(process.execPath, join(project, 'bin/stasis.cjs'), ...args);
  const mainPid = async () => (await run('systemctl', 'show', '-P', 'MainPID', 'stasisd')).stdout.trim();
  const started = await run('systemctl', 'start', 'stasisd');
  assert.equal(started.status, 0, started.stderr);
  await until('the pod to run', async () => / Running /.test((await stasis('get', 'pods')).stdout));
  const counter = (await run('pgrep', '-x', 'counter')).stdout;
  assert.match(counter, /^\d+\n$/);
  const made = await stasis('checkpoint', 'default/count/c');
  assert.equal(made.status, 0, made.stderr);
  const mode = await run('stat', '--format=%a %u', made.stdout.trim());
  assert.equal(mode.stdout, '600 0\n');
  const before = await mainPid();
  await run('systemctl', 'kill', '--signal=KILL', 'stasisd');
  await until('the service to be back', async () => ![before, '0'].includes(await mainPid()));
  await until('it to answer', async () => / Running /.test((await stasis('get', 'pods')).stdout));
  await run('systemctl', 'stop', 'stasisd');
  assert.equal((await run('pgrep', '-x', 'counter')).stdout, counter, 'the same process all the time');
  await run('rm', '/etc/stasis/pods/count.yaml');
  await run('systemctl', 'start', 'stasisd');
  await until('the pod to be gone', async () => (await run('pgrep', '-x', 'counter')).status === 1);
}

test('stasisd.service + under systemd, with what it may not do, over containerd', needsRuntime, async (t) => {
  const { folder, lines } = await installed(t, '--manifests=/etc/stasis/pods', 'localhost/counter:1');
  const booted = await boot(t, lines);
  await booted.run('systemctl', 'start', 'containerd');
  for (const image of ['pause.tar', 'counter.tar']) {
    const args = [
      '--address=/run/containerd/containerd.sock',
      '-n',
      'k8s.io',
      'images',
      'import',
      join(folder, image),
    ];
    assert.equal((await booted.run('ctr', ...args)).status, 0);
  }
  await serves(booted);
});

test('built-in-runtime.conf + under systemd the runtime that is built in works', needsRuntime, async (t) => {
  const { lines } = await installed(t, '--port=10350', 'oci-archive:FOLDER/counter.tar');
  const add = `cp ${dropIn} /etc/systemd/system/stasisd.service.d/`;
  await serves(await boot(t, [...lines, add]));
});

test(
  'pod-networks.conf + under systemd the service may enter the network of a pod',
  needsRuntime,
  async (t) => {
    const folder = folderFor(t, 'systemd');
    const command = '/usr/bin/nsenter --net=/run/pod-network /usr/sbin/nft list tables';
    const text = readFileSync(unit, 'utf8')
      .replace(/^ExecStart=.*$/m, `ExecStart=${command}`)
      .replace('Type=exec', 'Type=oneshot')
      .replace('Restart=always', 'Restart=no');
    for (const name of ['with', 'without']) writeFileSync(join(folder, `${name}.service`), text);
    const { run } = await boot(t, [
      `cp ${folder}/*.service /etc/systemd/system/`,
      'mkdir /etc/systemd/system/with.service.d',
      `cp ${networks} /etc/systemd/system/with.service.d/`,
      'touch /run/pod-network; unshare --net=/run/pod-network true',
    ]);
    const entered = await run('systemctl', 'start', 'with');
    assert.equal(entered.status, 0, (await run('systemctl', 'status', 'with')).stdout);
    assert.notEqual((await run('systemctl', 'start', 'without')).status, 0);
  },
);

test('stasisd.service + every flag in it is one of stasisd', () => {
  for (const file of [unit, dropIn]) {
    const commands = [
      ...readFileSync(file, 'utf8').matchAll(/^ExecStart=\/usr\/local\/bin\/stasisd (.*) \$STASISD_FLAGS$/gm),
    ];
    assert.equal(commands.length, 1);
    for (const [, flags = ''] of commands) parseFlags(flags.split(' '));
  }
});

test(
  'stasisd.service + systemd finds nothing wrong with either, and little exposed',
  needsRuntime,
  async (t) => {
    const folder = folderFor(t, 'unit');
    const text = readFileSync(unit, 'utf8').replaceAll('/usr/local/bin/stasisd', process.execPath);
    writeFileSync(join(folder, 'stasisd.service'), text);
    const analyze = (...args: string[]) =>
      runFor(t, 'systemd-analyze', [...args, join(folder, 'stasisd.service')], {
        env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` },
      });
    const exposed = await analyze('security', '--offline=yes', '--threshold=35');
    assert.equal(exposed.status, 0, exposed.stdout);
    mkdirSync(join(folder, 'stasisd.service.d'));
    writeFileSync(
      join(folder, 'stasisd.service.d/built-in-runtime.conf'),
      readFileSync(dropIn, 'utf8').replaceAll('/usr/local/bin/stasisd', process.execPath),
    );
    const verified = await analyze('verify');
    assert.deepEqual([verified.status, verified.stderr], [0, '']);
  },
);
