import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainLog, lineTime } from './dump-log.ts';

const limit =
  "(00.000924) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted";
const failed = '(00.183202) Error (criu/cr-dump.c:1975): Dumping FAILED.';

/** The lines that CRIU 4.2.1 wrote, and what must be understood of each. */
const cases: readonly [name: string, lines: readonly string[], meaning: RegExp, hint: RegExp | undefined][] =
  [
    [
      'vsock',
      [
        '(00.109621) Error (criu/sockets.c:767): sockets: BUG! Unknown socket collected (family 40)',
        '(00.109648) Error (criu/cr-dump.c:1545): Dump files (pid: 1071) failed with -1',
      ],
      /vsock socket/,
      /close it/,
    ],
    [
      'limits of another user',
      ["(00.201050) Error (criu/cr-dump.c:389): Can't get rlimit 0: Operation not permitted"],
      /limits of a process that runs as another user/,
      /CAP_SYS_RESOURCE/,
    ],
    [
      'SCTP',
      ['(00.1) Error (criu/sk-inet.c:1): inet: Unsupported proto 132 for socket 2a5f'],
      /an SCTP socket/,
      /close it/,
    ],
    [
      'another protocol',
      ['(00.1) Error (criu/sk-inet.c:1): inet: Unsupported proto 33 for socket 2a5f'],
      /socket of protocol 33 open/,
      /close it/,
    ],
    [
      'inotify on a deleted file',
      ["(00.1) Error (criu/fsnotify.c:1): fsnotify: \tCan't dump that handle"],
      /watches .* deleted/,
      /end that watch/,
    ],
    [
      'session from outside',
      ['(00.1) Error (criu/cr-dump.c:1): A session leader of 12(7) is outside of its pid namespace'],
      /process 12 belongs to a session/,
      /exec/,
    ],
    [
      'nested user namespace',
      ["(00.1) Error (criu/namespaces.c:1): Can't dump nested user namespace for 9"],
      /process 9 has made a namespace \(user\)/,
      /one namespace/,
    ],
    [
      'propagated mount',
      [
        '(00.1) Error (criu/mount.c:1): mnt: Mount 40 ./x (master_id: 3 shared_id: 0) has unreachable sharing. Try --enable-external-masters.',
      ],
      /propagation/,
      /without propagation/,
    ],
    [
      'missing iptables',
      ['(00.1) Error (criu/util.c:626): execvp("iptables-restore", ...) failed: No such file or directory'],
      /could not run the program iptables-restore$/,
      /install iptables/,
    ],
    [
      'process that waits in the kernel',
      ['(00.1) Error (criu/seize.c:1): Unseizable non-zombie 41 found, state D, err -1/10'],
      /process 41 waits in the kernel \(state D\)/,
      /again/,
    ],
    [
      'kernel that does not fit',
      ['(00.1) Error (criu/kerndat.c:1): kerndat_has_rseq failed when initializing kerndat.'],
      /does not get along with this kernel/,
      /criu check/,
    ],
    [
      'bpf map',
      [
        "(00.110390) Error (criu/files-ext.c:94): Can't dump file 3 of that type [600] (anon anon_inode:bpf-map)",
      ],
      /^file descriptor 3 of a process is a bpf-map, which CRIU cannot save$/,
      /close it/,
    ],
    [
      'perf event',
      [
        "(00.111217) Error (criu/files-ext.c:94): Can't dump file 3 of that type [600] (anon anon_inode:[perf_event])",
      ],
      /is a perf_event,/,
      /close it/,
    ],
    [
      'io_uring',
      [
        'pie: 1: Error (criu/pie/parasite.c:588): send_fds failed (-22)',
        "(00.114015) Error (criu/parasite-syscall.c:280): Can't retrieve FDs from socket",
      ],
      /io_uring/,
      /without io_uring/,
    ],
    [
      'file lock',
      [
        '(00.124495) Error (criu/file-lock.c:110): Some file locks are hold by dumping tasks! You can try --file-locks to dump them.',
      ],
      /file lock/,
      /file-locks/,
    ],
    [
      'large deleted file',
      [
        "(00.111988) Error (criu/files-reg.c:1031): Can't dump ghost file /tmp/g of 4194304 size, increase limit",
      ],
      /deleted file \/tmp\/g is still open and, with 4194304 bytes/,
      /ghost-limit/,
    ],
    [
      'unix socket to the outside',
      ['(00.109702) Error (criu/sk-unix.c:479): unix: Dangling connection 45473'],
      /outside of the container/,
      /end that connection/,
    ],
    [
      'traced process',
      [
        '(00.101532) Error (criu/seize.c:335): zombie 1866 (comm bad) found while seizing',
        '(10.001243) Error (criu/cr-dump.c:1655): Timeout reached. Try to interrupt: 0',
      ],
      /process 1866 \(bad\) cannot be stopped/,
      /detach/,
    ],
    [
      'nested process namespace',
      ["(00.102508) Error (criu/namespaces.c:460): Can't dump nested pid namespace for 1928"],
      /process 1928/,
      /one process namespace/,
    ],
    [
      'foreign mount namespace',
      ["(00.106987) Error (criu/files-reg.c:1790): Can't lookup mount=126 for fd=-3 path=/bad"],
      /mount that CRIU does not see/,
      /mount namespaces/,
    ],
    [
      'standard stream that is a file',
      ["(00.117116) Error (criu/files-reg.c:1790): Can't lookup mount=131 for fd=1 path=/q"],
      /file descriptor 1 is open on \/q/,
      /pipes/,
    ],
    [
      'secret memory',
      [
        '(00.109164) Error (criu/proc_parse.c:502): Unknown shit 100600 (/secretmem (deleted))',
        "(00.109168) Error (criu/proc_parse.c:738): Can't open 2464's mapfile link 7fc609ea7000: No such device or address",
      ],
      /secret memory/,
      undefined,
    ],
  ];

for (const [name, lines, meaning, hint] of cases) {
  test(`explainLog names the cause: ${name}`, () => {
    const found = explainLog(['(00.000001) Version: 4.2.1', limit, ...lines, failed, ''].join('\n'));
    assert.equal(found?.line, lines[0]);
    assert.equal(found?.lineNumber, 3);
    assert.match(found?.meaning ?? '', meaning);
    if (hint === undefined) assert.equal(found?.hint, undefined);
    else assert.match(found?.hint ?? '', hint);
  });
}

test('explainLog gives the first unknown error as it stands', () => {
  const odd = '(00.2) Error (criu/new.c:1): something nobody has seen';
  assert.deepEqual(explainLog([limit, odd, failed].join('\n')), { line: odd, lineNumber: 2 });
});

test('explainLog finds no cause in the log of a run that succeeded', () => {
  assert.equal(explainLog(`${limit}\n(00.1) Dumping finished successfully\n`), undefined);
  assert.equal(explainLog(''), undefined);
});

test('lineTime reads the seconds since the start', () => {
  assert.equal(lineTime(limit), 0.000924);
  assert.equal(lineTime('pie: 1: Error'), undefined);
});
