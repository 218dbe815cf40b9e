/**
 * The words with which `crit` writes numbers for people. Other programs read them back, so they are kept as
 * they are, oddities included: it calls a stopped task a zombie and the other way round.
 */

/** Names of single bits, by the table that a field names. */
export const flagNames: Readonly<Record<string, readonly (readonly [name: string, bit: number])[]>> = {
  'mmap.prot': [
    ['PROT_READ', 0x1],
    ['PROT_WRITE', 0x2],
    ['PROT_EXEC', 0x4],
  ],
  'mmap.flags': [
    ['MAP_SHARED', 0x1],
    ['MAP_PRIVATE', 0x2],
    ['MAP_DROPPABLE', 0x8],
    ['MAP_ANON', 0x20],
    ['MAP_GROWSDOWN', 0x100],
  ],
  'mmap.status': [
    ['VMA_AREA_REGULAR', 0x1],
    ['VMA_AREA_STACK', 0x2],
    ['VMA_AREA_VSYSCALL', 0x4],
    ['VMA_AREA_VDSO', 0x8],
    ['VMA_AREA_HEAP', 0x20],
    ['VMA_FILE_PRIVATE', 0x40],
    ['VMA_FILE_SHARED', 0x80],
    ['VMA_ANON_SHARED', 0x100],
    ['VMA_ANON_PRIVATE', 0x200],
    ['VMA_AREA_SYSVIPC', 0x400],
    ['VMA_AREA_SOCKET', 0x800],
    ['VMA_AREA_VVAR', 0x1000],
    ['VMA_AREA_AIORING', 0x2000],
    ['VMA_AREA_MEMFD', 0x4000],
    ['VMA_AREA_SHSTK', 0x8000],
    ['VMA_AREA_UPROBES', 0x20000],
    ['VMA_UNSUPP', 0x80000000],
  ],
  'rfile.flags': [
    ['O_WRONLY', 0x1],
    ['O_RDWR', 0x2],
    ['O_CREAT', 0x40],
    ['O_EXCL', 0x80],
    ['O_NOCTTY', 0x100],
    ['O_TRUNC', 0x200],
    ['O_APPEND', 0x400],
    ['O_NONBLOCK', 0x800],
    ['O_DSYNC', 0x1000],
    ['FASYNC', 0x2000],
    ['O_DIRECT', 0x4000],
    ['O_LARGEFILE', 0x8000],
    ['O_DIRECTORY', 0x10000],
    ['O_NOFOLLOW', 0x20000],
    ['O_NOATIME', 0x40000],
    ['O_CLOEXEC', 0x80000],
  ],
  'pmap.flags': [
    ['PE_PARENT', 0x1],
    ['PE_LAZY', 0x2],
    ['PE_PRESENT', 0x4],
  ],
  'seals.flags': [
    ['F_SEAL_SEAL', 0x1],
    ['F_SEAL_SHRINK', 0x2],
    ['F_SEAL_GROW', 0x4],
    ['F_SEAL_WRITE', 0x8],
    ['F_SEAL_FUTURE_WRITE', 0x10],
  ],
};

/** Words for numbers, by the set of tables that a field names and the field's own name. */
export const numberWords: Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<number, string>>>>>
> = {
  gen: { task_state: { 1: 'Alive', 3: 'Zombie', 6: 'Stopped' } },
  sk: {
    family: { 1: 'UNIX', 2: 'INET', 10: 'INET6', 16: 'NETLINK', 17: 'PACKET' },
    type: { 1: 'STREAM', 2: 'DGRAM', 3: 'RAW', 5: 'SEQPACKET', 10: 'PACKET' },
    state: {
      1: 'ESTABLISHED',
      2: 'SYN_SENT',
      3: 'SYN_RECV',
      4: 'FIN_WAIT1',
      5: 'FIN_WAIT2',
      6: 'TIME_WAIT',
      7: 'CLOSE',
      8: 'CLOSE_WAIT',
      9: 'LAST_ACK',
      10: 'LISTEN',
    },
    proto: { 0: 'IP', 6: 'TCP', 17: 'UDP', 136: 'UDPLITE' },
  },
};
