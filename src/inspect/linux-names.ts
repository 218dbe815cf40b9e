/** The kernel's words for its numbers and bits. */

const capabilities = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE ' +
  'NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT ' +
  'SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE ' +
  'AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ ' +
  'PERFMON BPF CHECKPOINT_RESTORE'
).split(' ');

/** Names of the capabilities in a set of two words, low bits first; `CAP_41` for one that is newer than this. */
export function capabilityNames(words: readonly number[]): string[] {
  const names: string[] = [];
  for (let bit = 0; bit < words.length * 32; bit++) {
    if (((words[bit >> 5] ?? 0) >>> (bit & 31)) & 1) names.push(`CAP_${capabilities[bit] ?? bit}`);
  }
  return names;
}

const signals = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU ' +
  'URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ');

/** `SIGTERM`; real-time signals as `SIGRTMIN+2`, counted as the C library's users see them. */
export function signalName(number: number): string {
  const name = signals[number - 1];
  if (name) return `SIG${name}`;
  if (number === 32 || number === 33) return `SIG${number}`;
  return number > 33 && number <= 64 ? `SIGRTMIN${number > 34 ? `+${number - 34}` : ''}` : `signal ${number}`;
}

/** The signals in a mask, whose bit 0 is signal 1. */
export function signalSet(mask: bigint): string[] {
  const names: string[] = [];
  for (let number = 1; number <= 64; number++) {
    if ((mask >> BigInt(number - 1)) & 1n) names.push(signalName(number));
  }
  return names;
}

/** By the kernel's numbers, which is also the order in the images. */
export const limitNames =
  'CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME'.split(
    ' ',
  );

const clocks = (
  'REALTIME MONOTONIC PROCESS_CPUTIME_ID THREAD_CPUTIME_ID MONOTONIC_RAW REALTIME_COARSE MONOTONIC_COARSE ' +
  'BOOTTIME REALTIME_ALARM BOOTTIME_ALARM SGI_CYCLE TAI'
).split(' ');

export function clockName(number: number): string {
  const name = clocks[number];
  return name ? `CLOCK_${name}` : `clock ${number}`;
}

export type BitNames = readonly (readonly [bit: number, name: string])[];

/** Names of the bits that are set; the rest as one hexadecimal number. */
export function bitNames(value: number | bigint, names: BitNames): string[] {
  let rest = BigInt(value);
  const found: string[] = [];
  for (const [bit, name] of names) {
    const mask = BigInt(bit);
    if ((rest & mask) !== mask) continue;
    found.push(name);
    rest &= ~mask;
  }
  return rest ? [...found, `0x${rest.toString(16)}`] : found;
}

const openBits: BitNames = [
  [0o100, 'O_CREAT'],
  [0o200, 'O_EXCL'],
  [0o400, 'O_NOCTTY'],
  [0o1000, 'O_TRUNC'],
  [0o2000, 'O_APPEND'],
  [0o4000, 'O_NONBLOCK'],
  [0o4010000, 'O_SYNC'],
  [0o10000, 'O_DSYNC'],
  [0o20000, 'O_ASYNC'],
  [0o40000, 'O_DIRECT'],
  [0o100000, 'O_LARGEFILE'],
  [0o20200000, 'O_TMPFILE'],
  [0o200000, 'O_DIRECTORY'],
  [0o400000, 'O_NOFOLLOW'],
  [0o1000000, 'O_NOATIME'],
  [0o2000000, 'O_CLOEXEC'],
  [0o10000000, 'O_PATH'],
];

/** The flags of an open file, how it may be used first: `O_RDONLY`, `O_APPEND`. */
export function openFlags(flags: number): string[] {
  const access = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'][flags & 3] ?? '';
  return [access, ...bitNames((flags & ~3) >>> 0, openBits)];
}

export const mountBits: BitNames = [
  [1, 'ro'],
  [2, 'nosuid'],
  [4, 'nodev'],
  [8, 'noexec'],
  [16, 'sync'],
  [64, 'mand'],
  [128, 'dirsync'],
  [256, 'nosymfollow'],
  [1024, 'noatime'],
  [2048, 'nodiratime'],
  [4096, 'bind'],
  [16384, 'rec'],
  [1 << 16, 'posixacl'],
  [1 << 17, 'unbindable'],
  [1 << 18, 'private'],
  [1 << 19, 'slave'],
  [1 << 20, 'shared'],
  [1 << 21, 'relatime'],
  [1 << 23, 'i_version'],
  [1 << 24, 'strictatime'],
  [1 << 25, 'lazytime'],
];

export const sealBits: BitNames = [
  [1, 'F_SEAL_SEAL'],
  [2, 'F_SEAL_SHRINK'],
  [4, 'F_SEAL_GROW'],
  [8, 'F_SEAL_WRITE'],
  [16, 'F_SEAL_FUTURE_WRITE'],
  [32, 'F_SEAL_EXEC'],
];

export const inotifyBits: BitNames = [
  [1, 'IN_ACCESS'],
  [2, 'IN_MODIFY'],
  [4, 'IN_ATTRIB'],
  [8, 'IN_CLOSE_WRITE'],
  [16, 'IN_CLOSE_NOWRITE'],
  [32, 'IN_OPEN'],
  [64, 'IN_MOVED_FROM'],
  [128, 'IN_MOVED_TO'],
  [256, 'IN_CREATE'],
  [512, 'IN_DELETE'],
  [1024, 'IN_DELETE_SELF'],
  [2048, 'IN_MOVE_SELF'],
];

export const epollBits: BitNames = [
  [1, 'EPOLLIN'],
  [2, 'EPOLLPRI'],
  [4, 'EPOLLOUT'],
  [8, 'EPOLLERR'],
  [16, 'EPOLLHUP'],
  [0x40, 'EPOLLRDNORM'],
  [0x80, 'EPOLLRDBAND'],
  [0x100, 'EPOLLWRNORM'],
  [0x200, 'EPOLLWRBAND'],
  [0x400, 'EPOLLMSG'],
  [0x2000, 'EPOLLRDHUP'],
  [2 ** 28, 'EPOLLEXCLUSIVE'],
  [2 ** 29, 'EPOLLWAKEUP'],
  [2 ** 30, 'EPOLLONESHOT'],
  [2 ** 31, 'EPOLLET'],
];

export const secureBits: BitNames = [
  [1, 'NOROOT'],
  [2, 'NOROOT_LOCKED'],
  [4, 'NO_SETUID_FIXUP'],
  [8, 'NO_SETUID_FIXUP_LOCKED'],
  [16, 'KEEP_CAPS'],
  [32, 'KEEP_CAPS_LOCKED'],
  [64, 'NO_CAP_AMBIENT_RAISE'],
  [128, 'NO_CAP_AMBIENT_RAISE_LOCKED'],
];

export const signalActionBits: BitNames = [
  [1, 'SA_NOCLDSTOP'],
  [2, 'SA_NOCLDWAIT'],
  [4, 'SA_SIGINFO'],
  [0x400, 'SA_UNSUPPORTED'],
  [0x800, 'SA_EXPOSE_TAGBITS'],
  [0x0400_0000, 'SA_RESTORER'],
  [0x0800_0000, 'SA_ONSTACK'],
  [0x1000_0000, 'SA_RESTART'],
  [0x4000_0000, 'SA_NODEFER'],
  [0x8000_0000, 'SA_RESETHAND'],
];

export const interfaceBits: BitNames = [
  [1, 'UP'],
  [2, 'BROADCAST'],
  [4, 'DEBUG'],
  [8, 'LOOPBACK'],
  [16, 'POINTOPOINT'],
  [64, 'RUNNING'],
  [128, 'NOARP'],
  [256, 'PROMISC'],
  [512, 'ALLMULTI'],
  [1024, 'MASTER'],
  [2048, 'SLAVE'],
  [4096, 'MULTICAST'],
  [0x1_0000, 'LOWER_UP'],
];

/** Advice given with madvise, by its number, which is the bit in the images. */
export const adviceBits: BitNames = [
  [2 ** 1, 'RANDOM'],
  [2 ** 2, 'SEQUENTIAL'],
  [2 ** 10, 'DONTFORK'],
  [2 ** 12, 'MERGEABLE'],
  [2 ** 14, 'HUGEPAGE'],
  [2 ** 15, 'NOHUGEPAGE'],
  [2 ** 16, 'DONTDUMP'],
  [2 ** 18, 'WIPEONFORK'],
];

export const netlinkProtocols = (
  'ROUTE UNUSED USERSOCK FIREWALL SOCK_DIAG NFLOG XFRM SELINUX ISCSI AUDIT FIB_LOOKUP CONNECTOR NETFILTER ' +
  'IP6_FW DNRTMSG KOBJECT_UEVENT GENERIC DM SCSITRANSPORT ECRYPTFS RDMA CRYPTO SMC'
).split(' ');

export const schedulingPolicies = ['OTHER', 'FIFO', 'RR', 'BATCH', 'ISO', 'IDLE', 'DEADLINE', 'EXT'];
