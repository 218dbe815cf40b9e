/** What a CRIU log says about why a dump or a restore failed. */
export interface LogExplanation {
  /** The line that matters, as it stands in the log. */
  line: string;
  /** Number of that line, from 1. */
  lineNumber: number;
  /** What it means, in words for whoever runs the container. Without it only the line is known. */
  meaning?: string;
  /** What to change: an option, a package, something in the container. */
  hint?: string;
}

interface Known {
  match: RegExp;
  meaning: string;
  hint?: string;
}

/** Errors that CRIU logs in every run where it may not raise its own limits, or that only repeat a failure. */
const meaningless: readonly RegExp[] = [
  /rlimit: Can't setup RLIMIT_NOFILE/,
  /Dumping FAILED/,
  /Restoring FAILED/,
  /Dump (files|mm|core|tasks?|mappings) .*failed with/,
  /Collect mappings .*failed with/,
  /failed with -1$/,
  /\): exited, status=\d+$/,
  /Can't retrieve FDs from socket/,
  /Message reply from daemon is trimmed/,
  /Can't make \w+ns id/,
  /ipv4: Address already assigned/,
];

/** `$1` … stand for what the pattern caught. */
const known: readonly Known[] = [
  {
    match: /Unknown socket collected \(family 40\)/,
    meaning: 'a process has a vsock socket (AF_VSOCK) open, which CRIU cannot save',
    hint: 'close it before the checkpoint',
  },
  {
    match: /Unknown socket collected \(family (\d+)\)/,
    meaning: 'a process has a socket of address family $1 open, which CRIU cannot save',
    hint: 'close it before the checkpoint',
  },
  {
    match: /Unsupported proto 132 for socket/,
    meaning: 'a process has an SCTP socket open, which CRIU cannot save',
    hint: 'close it before the checkpoint',
  },
  {
    match: /Unsupported proto 262 for socket/,
    meaning: 'a process has a Multipath TCP socket open, which CRIU cannot save',
    hint: 'let the program use plain TCP (for Go programs: GODEBUG=multipathtcp=0)',
  },
  {
    match: /Unsupported proto (\d+) for socket/,
    meaning: 'a process has a socket of protocol $1 open, which CRIU cannot save',
    hint: 'close it before the checkpoint',
  },
  {
    match: /Can't dump \d+ inet socket \w+\. Only stream, dgram and raw/,
    meaning:
      'a process has an internet socket open that is neither stream, datagram nor raw: CRIU cannot save it',
    hint: 'close it before the checkpoint',
  },
  {
    match: /Can't dump corked dgram socket/,
    meaning: 'a process holds back datagrams (UDP_CORK), which CRIU cannot save',
    hint: 'try again in a moment',
  },
  {
    match: /TCP_REPAIR can't be enabled for half-closed sockets/,
    meaning: 'a TCP connection is just being closed',
    hint: 'try again in a moment',
  },
  {
    match: /Can't get rlimit \d+: Operation not permitted/,
    meaning: 'CRIU may not read the limits of a process that runs as another user than CRIU',
    hint: 'give the runtime CAP_SYS_RESOURCE, or run the container as root',
  },
  {
    match: /can't dump unprivileged task whose \/proc doesn't belong to it/,
    meaning: 'a process has no rights in its own /proc, as one that changed its user or is not dumpable',
    hint: 'run CRIU with all privileges, and the program without PR_SET_DUMPABLE 0',
  },
  {
    match: /fsnotify: \s*(?:Can't dump that handle|Handle \S+ cannot be opened)/,
    meaning: 'a process watches (inotify or fanotify) a file that was deleted or that CRIU cannot find',
    hint: 'end that watch before the checkpoint',
  },
  {
    match: /Can't dump file (\d+) of that type \[\w+\] \((?:\w+ )?anon_inode:\[?([^\])]+)\]?\)/,
    meaning: 'file descriptor $1 of a process is a $2, which CRIU cannot save',
    hint: 'close it before the checkpoint',
  },
  {
    match: /Can't dump file (\d+) of that type \[(\w+)\] \((.*)\)/,
    meaning: 'file descriptor $1 of a process is of a kind ($3) that CRIU cannot save',
    hint: 'close it before the checkpoint',
  },
  {
    match: /send_fds failed/,
    meaning:
      'a process has a file descriptor that cannot be handed on, such as io_uring, which CRIU cannot save',
    hint: 'run the program without io_uring',
  },
  {
    match: /Some file locks are hold? by dumping tasks/,
    meaning: 'a process holds a file lock',
    hint: 'allow file locks (option file-locks)',
  },
  {
    match: /Can't dump ghost file (.*) of (\d+) size, increase limit/,
    meaning: 'the deleted file $1 is still open and, with $2 bytes, larger than what CRIU carries along',
    hint: 'raise CRIU’s ghost-limit',
  },
  {
    match: /unix: (?:Dangling connection|External socket is used|Can't dump half of stream)/,
    meaning: 'a process is connected by a unix socket to a process outside of the container',
    hint: 'end that connection before the checkpoint',
  },
  {
    match: /Connected TCP socket|connected, established|TCP connection.*--tcp-established/i,
    meaning: 'a process has an open TCP connection',
    hint: 'allow open connections (option tcp-established) or let the program close them',
  },
  {
    match: /In-flight connection/i,
    meaning: 'a TCP connection is just being opened or accepted',
    hint: 'try again in a moment',
  },
  {
    match: /zombie (\d+) \(comm (.*)\) found while seizing/,
    meaning: 'process $1 ($2) cannot be stopped by CRIU: it is being traced by another process',
    hint: 'detach the debugger or tracer',
  },
  {
    match: /Unseizable non-zombie (\d+) found, state (\w)/,
    meaning: 'process $1 waits in the kernel (state $2) and cannot be stopped',
    hint: 'try again in a moment',
  },
  {
    match: /Can't dump nested pid namespace for (\d+)/,
    meaning: 'process $1 has made a process namespace of its own inside the container',
    hint: 'CRIU saves only one process namespace for each container',
  },
  {
    match: /Can't dump nested (\w+) namespace for (\d+)/,
    meaning: 'process $2 has made a namespace ($1) of its own inside the container',
    hint: 'CRIU saves only one namespace of this kind for each container',
  },
  {
    match: /A session leader of (?:zombie process )?(\d+)\(\d+\) is outside of its pid namespace/,
    meaning: 'process $1 belongs to a session that was begun outside of the container’s process namespace',
    hint: 'programs put into the container (exec) must have ended; process namespaces cannot be shared in a pod',
  },
  {
    match: /Can't dump a pid namespace without the process init/,
    meaning: 'the first process of the process namespace is not in the container',
    hint: 'give the container a process namespace of its own',
  },
  {
    match: /unreachable sharing/,
    meaning:
      'a mount of the container gets mounts from the node (propagation), and CRIU does not know its source',
    hint: 'mount it without propagation (None, private)',
  },
  {
    match: /(?:Can't handle non-regular mapping on (\d+)'s map|Unsupported mapping found)/,
    meaning: 'a process has the memory of a device mapped, such as a GPU, which CRIU alone cannot save',
    hint: 'a CRIU plugin for that device is needed',
  },
  {
    match: /Open files on overmounted mounts are not supported yet.*path=(.*)/,
    meaning: 'the open file $1 lies below another mount that hides it',
    hint: 'do not mount over a folder in which files are open',
  },
  {
    match: /Can't dump task (\d+) running in 32-bit mode/,
    meaning: 'process $1 runs in 32-bit mode, which this CRIU or kernel cannot save',
  },
  {
    match: /(?:failed when initializing kerndat|Could not initialize kernel features detection)/,
    meaning: 'CRIU does not get along with this kernel',
    hint: 'use a newer CRIU, or another kernel; `criu check` says what is missing',
  },
  {
    match: /Locking (?:network|connection) failed/,
    meaning: 'CRIU could not hold back the packets of the connections',
    hint: 'install iptables or nftables; the kernel needs their filters (xt_mark, nf_tables)',
  },
  {
    match: /Can't lookup mount=\d+ for fd=-\d+ path=(.*)/,
    meaning: 'a program ($1) lies on a mount that CRIU does not see, as after unshare of the mount namespace',
    hint: 'do not make mount namespaces inside the container',
  },
  {
    match: /Can't lookup mount=\d+ for fd=(\d+) path=(.*)/,
    meaning: 'file descriptor $1 is open on $2, which lies on no mount of the container',
    hint: 'standard streams must be pipes, a terminal or /dev/null, not files of the host',
  },
  {
    match: /secretmem/,
    meaning: 'a process uses secret memory (memfd_secret), which nobody can read',
  },
  {
    match: /The task has a? ?(?:controlling )?(?:tty|terminal)|tty: Found (?:slave|dangling).*|shell job/i,
    meaning: 'a process has a terminal that belongs to somebody outside of the container',
    hint: 'allow it (option shell-job) or run without the terminal',
  },
  {
    match: /No space left on device/,
    meaning: 'there is no space left where the memory is written to',
    hint: 'free disk space where the runtime keeps its images',
  },
  {
    match: /(?:exec(?:vp)?(?:\(\))? failed|Can't exec|execvp).*?(ip6?tables\S*|nft|ip|tar)\b/i,
    meaning: 'CRIU could not run the program $1',
    hint: 'install iptables, iproute2 and tar',
  },
  {
    match: /Can't open dir (\S+)|Can't open file (\S+)|Can't open (\S+): No such file/,
    meaning: 'a file that the container uses is not where it was',
    hint: 'the root file system and mounts must be the same as at the checkpoint',
  },
  {
    match: /File (\S+) has bad (size|mode|build-ID|checksum)/i,
    meaning: 'the file $1 is not the one that was in use at the checkpoint (its $2 differs)',
    hint: 'restore on the same image',
  },
  {
    match: /No mapping for (\S+) mountpoint|mnt: .*ext(?:ernal)? mount.*?(\S+)/i,
    meaning: 'a mount of the checkpoint has no counterpart in the new container',
    hint: 'give the new container the same mounts',
  },
  {
    match: /Can't bind (?:inet|unix) socket.*Address already in use/i,
    meaning: 'an address that the processes listened on is taken',
    hint: 'restore into a pod of its own, or end whoever uses the address',
  },
  {
    match: /Can't bind inet socket.*Cannot assign requested address|inet: Can't bind/i,
    meaning: 'an address that the processes used does not exist here',
    hint: 'open connections need the same addresses; otherwise close them (option tcp-close)',
  },
  {
    match: /Can't (?:restore|set) .*pid|Pid \d+ do not match expected|pid \d+ .*already (?:exists|in use)/i,
    meaning: 'a process number that is needed is taken',
    hint: 'restore into a process namespace of its own',
  },
  {
    match: /cpu.*(?:not supported|incompatible|capabilit)/i,
    meaning: 'this processor lacks what the program was running with',
    hint: 'restore on a machine with the same or a newer processor',
  },
];

/** Bytes of a log that are looked at; the reason stands near the end. */
export const longestLog = 4 << 20;

/**
 * Finds the line of a CRIU log (dump.log, restore.log) that says why it failed, skipping the errors that
 * every run prints. Undefined when the log has no error of its own.
 * @param text The log, or its last {@link longestLog} bytes.
 */
export function explainLog(text: string): LogExplanation | undefined {
  let first: LogExplanation | undefined;
  let number = 0;
  for (const line of text.split('\n')) {
    number++;
    if (!line.includes('Error') || meaningless.some((pattern) => pattern.test(line))) continue;
    const found = { line: line.trim(), lineNumber: number };
    const meaning = meaningOf(line);
    if (meaning !== undefined) return { ...found, ...meaning };
    first ??= found;
  }
  return first;
}

function meaningOf(line: string): Pick<LogExplanation, 'meaning' | 'hint'> | undefined {
  for (const { match, meaning, hint } of known) {
    const caught = match.exec(line);
    if (caught === null) continue;
    const words = meaning.replace(/\$(\d)/g, (_all, index: string) => caught[Number(index)] ?? '');
    return hint === undefined ? { meaning: words } : { meaning: words, hint };
  }
  return undefined;
}

/** Seconds since CRIU's start at which a line was written, from its `(00.123456)`. */
export function lineTime(line: string): number | undefined {
  const time = /^\((\d+\.\d+)\)/.exec(line)?.[1];
  return time === undefined ? undefined : Number(time);
}
