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
