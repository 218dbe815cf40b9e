import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFixture, plainArchives } from '../../test/fixture-archives.ts';
import { textOf } from '../bytes/text.ts';
import { codec } from '../localfs/codec.ts';
import type { OpenFile } from './open-files.ts';
import { Problems } from './problems.ts';
import { readSections, type SectionName, type Sections, sectionNames } from './sections.ts';

async function sectionsOf(archive: string, names: readonly SectionName[] = sectionNames): Promise<Sections> {
  const checkpoint = await openFixture(archive);
  const problems = new Problems();
  try {
    const sections = await readSections(checkpoint, names, { problems, codec });
    assert.deepEqual(problems.list, []);
    return sections;
  } finally {
    await checkpoint.close();
  }
}

for (const archive of plainArchives) {
  test(`readSections: every section of ${archive} can be read without a problem`, async () => {
    const sections = await sectionsOf(archive);
    assert.ok(sections.details?.length);
    assert.ok(sections.maps?.every(({ resident, mapped }) => resident > 0 && resident <= mapped));
  });
}

test('details: threads, the call each is in, signals, timers, limits, rights', async () => {
  const { details } = await sectionsOf('crun-1.28-tasks.tar', ['details']);
  assert.deepEqual(
    details?.map(({ pid }) => pid),
    [1, 4, 5],
  );
  const [first, , third] = details ?? [];
  const calls = first?.threads.map(({ name, registers }) => `${name}: ${registers?.syscall?.name}`);
  assert.deepEqual(calls, ['tasks: pause', 'on futex: futex', 'on read: read', 'on sleep: clock_nanosleep']);
  assert.equal(first?.exe, '/bin/tasks');
  assert.equal(first?.cwd, '/tmp/work');
  assert.equal(first?.umask, '0027');
  assert.equal(first?.oomScoreAdjustment, 300);
  assert.deepEqual(
    first?.limits.find(({ name }) => name === 'NOFILE'),
    { name: 'NOFILE', soft: 256, hard: 512 },
  );
  assert.deepEqual(
    first?.limits.find(({ name }) => name === 'CORE'),
    { name: 'CORE', soft: 0, hard: 'unlimited' },
  );
  assert.equal(first?.signalActions.find(({ signal }) => signal === 'SIGPIPE')?.handler, 'ignore');
  const handled = first?.signalActions.find(({ signal }) => signal === 'SIGTERM');
  assert.deepEqual(handled?.mask, ['SIGHUP']);
  assert.deepEqual(handled?.flags, ['SA_SIGINFO', 'SA_RESTORER', 'SA_ONSTACK', 'SA_RESTART']);
  const sent = first?.pendingSignals.find(({ signal }) => signal === 'SIGRTMIN+1');
  assert.deepEqual(sent, { signal: 'SIGRTMIN+1', code: -1, senderPid: 1, senderUid: 0, value: 4711 });
  const toThread = first?.threads[3]?.pendingSignals[0];
  assert.equal(toThread?.signal, 'SIGUSR2');
  assert.equal(first?.timers.interval[0]?.interval, 7.5);
  assert.equal(first?.timers.posix[0]?.signal, 'SIGRTMIN+2');
  assert.deepEqual(first?.threads[0]?.blockedSignals, ['SIGUSR1', 'SIGRTMIN+1']);
  const rights = third?.threads[0]?.credentials;
  assert.deepEqual(rights?.groups, [10, 20]);
  assert.equal(rights?.fsuid, 1000);
  assert.ok(!rights?.capabilities.bounding.includes('CAP_NET_RAW'));
  assert.deepEqual(rights?.secureBits, ['NOROOT']);
  assert.deepEqual(third?.threads[0]?.seccomp, { mode: 'filter', filter: 0 });
});

test('seccomp: the filter as a listing with the names of the calls', async () => {
  const { seccomp } = await sectionsOf('crun-1.28-tasks.tar', ['seccomp']);
  assert.deepEqual(seccomp?.[0]?.listing, [
    '0: ld [arch]',
    '1: jeq #3221225534 (x86_64) jt 3 jf 2',
    '2: ret KILL_PROCESS',
    '3: ld [nr]',
    '4: jeq #240 (mq_open) jt 5 jf 6',
    '5: ret ERRNO(1)',
    '6: jeq #246 (kexec_load) jt 7 jf 8',
    '7: ret KILL_PROCESS',
    '8: ret ALLOW',
  ]);
});

async function filesOfFirst(archive: string): Promise<Map<number | string, OpenFile>> {
  const { files } = await sectionsOf(archive, ['files']);
  return new Map(files?.[0]?.descriptors.map(({ fd, file }) => [fd, file]));
}

test('files: queues, deleted files, positions and events', async () => {
  const files = await filesOfFirst('crun-1.28-files.tar');
  assert.equal(textOf(files.get(3)?.unread?.bytes ?? new Uint8Array()), 'unread bytes in a pipe');
  assert.equal(files.get(3)?.unread?.capacity, 16384);
  assert.equal(files.get(3)?.pipe, files.get(4)?.pipe);
  assert.equal(files.get(5)?.path, '/tmp/fifo');
  assert.equal(textOf(files.get(5)?.unread?.bytes ?? new Uint8Array()), 'unread bytes in a fifo');
  assert.deepEqual(files.get(6)?.flags, ['O_WRONLY', 'O_APPEND', 'O_LARGEFILE']);
  assert.equal(files.get(6)?.id, files.get(7)?.id);
  assert.equal(files.get(8)?.position, 1234);
  const small = files.get(12)?.deleted;
  assert.equal(textOf(small?.parts[0]?.bytes ?? new Uint8Array()), 'the secret of the deleted file');
  const large = files.get(13)?.deleted;
  assert.equal(large?.size, 1 << 20);
  assert.deepEqual(
    large?.parts.map(({ offset, bytes }) => [offset, bytes.length]),
    [
      [4096, 4096],
      [999424, 4096],
    ],
  );
  assert.deepEqual(files.get(14)?.event, { kind: 'eventfd', counter: 5, flags: ['O_RDWR'] });
  const epoll = files.get(18)?.event;
  assert.deepEqual(epoll?.kind === 'epoll' && epoll.targets.map(({ fd }) => fd).sort(), [14, 15]);
  const watched = files.get(17)?.event;
  assert.deepEqual(watched?.kind === 'inotify' && watched.watches.map(({ path }) => path).sort(), [
    '/tmp',
    '/tmp/log',
  ]);
  assert.deepEqual(files.get(19)?.memfd?.seals, ['F_SEAL_SHRINK', 'F_SEAL_GROW']);
});

test('locks: of all three kinds', async () => {
  const { locks } = await sectionsOf('crun-1.28-files.tar', ['locks']);
  const found = locks?.map(({ kind, type, start, length }) => `${kind} ${type} ${start}+${length}`).sort();
  assert.deepEqual(found, ['FLOCK write 0+0', 'OFD read 10+0', 'POSIX write 100+50']);
});

test('files: sockets of every family with what waits in them', async () => {
  const files = await filesOfFirst('crun-1.28-sockets.tar');
  const text = (bytes: Uint8Array | undefined): string => textOf(bytes ?? new Uint8Array());
  assert.deepEqual(files.get(4)?.socket?.source, { address: '::', port: 8081 });
  assert.equal(files.get(4)?.socket?.state, 'LISTEN');
  assert.equal(text(files.get(5)?.socket?.stream?.received), 'answer over IPv4, which is longer');
  assert.equal(text(files.get(8)?.socket?.stream?.received), 'question over IPv6');
  assert.ok(files.get(5)?.socket?.options.includes('SO_KEEPALIVE'));
  assert.equal(files.get(11)?.label.replace(/\d+/g, '#'), 'unix[# (#) /tmp/named.sock]');
  assert.equal(text(files.get(13)?.socket?.queue[0]?.bytes), 'to the server');
  assert.equal(files.get(14)?.socket?.path, '@abstract');
  assert.deepEqual(
    files.get(15)?.socket?.queue.map(({ bytes }) => text(bytes)),
    ['first datagram', 'second'],
  );
  const travelling = files.get(18)?.socket?.queue[0];
  assert.equal(text(travelling?.bytes), 'here it comes');
  assert.deepEqual(travelling?.files, [files.get(12)?.id]);
  assert.equal(files.get(19)?.socket?.protocol, 'ROUTE');
  assert.deepEqual(files.get(19)?.socket?.groups, [1]);
  assert.equal(files.get(20)?.socket?.protocol, '0x0806');
  assert.equal(files.get(21)?.socket?.protocol, 'ICMP');
});

test('maps, shared, ipc: memory of every kind by its name', async () => {
  const { maps, shared, ipc } = await sectionsOf('crun-1.28-memory.tar', ['maps', 'shared', 'ipc']);
  const names = new Set(maps?.[0]?.ranges.map(({ name }) => name));
  for (const name of ['[heap]', '[stack]', '[vdso]', 'memfd:sealed box', '[System V 1]', '/tmp/mapped']) {
    assert.ok(names.has(name), name);
  }
  const segments = shared
    ?.toSorted((a, b) => a.kind.localeCompare(b.kind))
    .map(({ kind, name, size, resident }) => `${kind} ${name ?? ''} ${size} ${resident}`);
  assert.deepEqual(segments, [
    'anonymous  12288 8192',
    'memfd sealed box 8192 4096',
    'system-v  5000 4096',
    'system-v  10000 4096',
    'system-v  15000 4096',
  ]);
  assert.deepEqual(
    ipc?.semaphores.map(({ values }) => values),
    [
      [30, 31, 32],
      [40, 41, 42, 43],
      [50, 51, 52, 53, 54],
    ],
  );
  const queued = ipc?.messageQueues[0]?.messages.map(({ type, bytes }) => `${type} ${textOf(bytes)}`);
  assert.deepEqual(queued, ['3 eight by', '9 eight']);
});

test('network, mounts, namespaces, rootfs, binds, log: of a container of an engine', async () => {
  const own = await sectionsOf('crun-1.28-sockets.tar', ['network', 'mounts', 'namespaces']);
  assert.deepEqual(own.network?.[0]?.interfaces[0]?.addresses, ['127.0.0.1/8', '::1/128']);
  assert.match(own.network?.[0]?.firewall.nftables ?? '', /chain CRIU/);
  assert.equal(own.network?.[0]?.rules[1]?.priority, 32766);
  assert.ok(
    own.mounts?.[0]?.mounts.some(({ mountpoint, type }) => mountpoint === '/dev/shm' && type === 'tmpfs'),
  );
  assert.equal(own.namespaces?.hostnames[0]?.hostname, 'sample');
  const crio = await sectionsOf('crio-1.37-runc.tar', ['rootfs', 'binds', 'log']);
  assert.ok(crio.rootfs?.some(({ path, type }) => path === 'tmp/count' && type === 'file'));
  assert.ok(crio.binds?.some(({ destination }) => destination === '/etc/resolv.conf'));
  assert.ok((crio.log?.lines.length ?? 0) > 5);
  const packed = await sectionsOf('containerd-2.1.9-crun.tar', ['rootfs', 'criuLog']);
  assert.ok(packed.rootfs?.some(({ path }) => path === 'tmp/count'));
  assert.equal(packed.criuLog?.[0]?.name, 'dump.log');
});
