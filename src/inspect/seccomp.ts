import type { ImageSet } from '../criu/image-set.ts';
import { SeccompEntry } from '../gen/criu/inventory.ts';
import { type SyscallTable, syscallName } from './syscall-names.ts';

/** One filter of the chain that a thread runs under. */
export interface SeccompFilterReport {
  readonly index: number;
  /** The filter that was installed before and runs too. */
  readonly previous?: number;
  readonly instructions: number;
  /** One line each: `4: jeq #240 (mq_open) jt 5 jf 6`. */
  readonly listing: readonly string[];
}

/** All filters of the dump. @throws CodedError `corrupt` */
export async function seccompFilters(
  images: ImageSet,
  table: SyscallTable = 'x86-64',
): Promise<SeccompFilterReport[]> {
  const image = await images.message('seccomp.img', SeccompEntry);
  return (image?.seccomp_filters ?? []).map(({ filter, prev }, index) => ({
    index,
    ...(prev !== undefined && { previous: prev }),
    instructions: Math.floor(filter.length / 8),
    listing: disassemble(filter, table),
  }));
}

/** Bytes of one `sock_filter`: u16 code, u8 jt, u8 jf, u32 k. */
const instructionSize = 8;

/** The lines of a classic BPF program that looks at `struct seccomp_data`. */
export function disassemble(filter: Uint8Array, table: SyscallTable): string[] {
  const view = new DataView(filter.buffer, filter.byteOffset, filter.length);
  const lines: string[] = [];
  // Comparisons name system calls only while the accumulator holds the number.
  let loaded = -1;
  for (let at = 0; (at + 1) * instructionSize <= filter.length; at++) {
    const base = at * instructionSize;
    const code = view.getUint16(base, true);
    const k = view.getUint32(base + 4, true);
    const targets = { yes: at + 1 + view.getUint8(base + 2), no: at + 1 + view.getUint8(base + 3) };
    if ((code & 7) === 0) loaded = (code & 0xe0) === 0x20 ? k : -1;
    lines.push(`${at}: ${instructionText(code, k, at, targets, loaded, table)}`);
  }
  return lines;
}

const fields: Readonly<Record<number, string>> = {
  0: 'nr',
  4: 'arch',
  8: 'instruction_pointer low',
  12: 'instruction_pointer high',
};

function fieldName(offset: number): string {
  const argument = (offset - 16) >> 3;
  const known = fields[offset];
  if (known) return known;
  const inside = offset >= 16 && offset < 64 && offset % 4 === 0;
  return inside ? `args[${argument}] ${offset % 8 ? 'high' : 'low'}` : `offset ${offset}`;
}

const operations = ['add', 'sub', 'mul', 'div', 'or', 'and', 'lsh', 'rsh', 'neg', 'mod', 'xor'];
const jumps = ['ja', 'jeq', 'jgt', 'jge', 'jset'];

function instructionText(
  code: number,
  k: number,
  at: number,
  targets: { yes: number; no: number },
  loaded: number,
  table: SyscallTable,
): string {
  const operation = (code & 0xf0) >> 4;
  const operand = code & 8 ? 'x' : `#${k}`;
  switch (code & 7) {
    case 0:
      return `ld ${loadText(code, k)}`;
    case 1:
      return `ldx ${loadText(code, k)}`;
    case 2:
      return `st M[${k}]`;
    case 3:
      return `stx M[${k}]`;
    case 4:
      return operation === 8 ? 'neg' : `${operations[operation] ?? 'alu?'} ${operand}`;
    case 5: {
      if (operation === 0) return `ja ${at + 1 + k}`;
      const meaning = code & 8 ? '' : constantText(k, loaded, table);
      return `${jumps[operation] ?? 'jump?'} ${operand}${meaning} jt ${targets.yes} jf ${targets.no}`;
    }
    case 6:
      return (code & 0x18) === 0x10 ? 'ret a' : `ret ${actionText(k)}`;
    default:
      return code & 0x80 ? 'txa' : 'tax';
  }
}

function loadText(code: number, k: number): string {
  const mode = code & 0xe0;
  if (mode === 0x00) return `#${k}`;
  if (mode === 0x20) return `[${fieldName(k)}]`;
  if (mode === 0x60) return `M[${k}]`;
  return mode === 0x80 ? 'len' : `mode ${mode}`;
}

const architectures: Readonly<Record<number, string>> = {
  3221225534: 'x86_64',
  1073741827: 'i386',
  3221225655: 'aarch64',
  1073741864: 'arm',
  3221225715: 'riscv64',
  2147483670: 's390x',
  3221225493: 'ppc64le',
};

function constantText(k: number, loaded: number, table: SyscallTable): string {
  const name = loaded === 0 ? syscallName(table, k) : loaded === 4 ? architectures[k] : undefined;
  return name ? ` (${name})` : '';
}

const actions = new Map([
  [0x80000000, 'KILL_PROCESS'],
  [0x00000000, 'KILL_THREAD'],
  [0x00030000, 'TRAP'],
  [0x00050000, 'ERRNO'],
  [0x7fc00000, 'USER_NOTIF'],
  [0x7ff00000, 'TRACE'],
  [0x7ffc0000, 'LOG'],
  [0x7fff0000, 'ALLOW'],
]);

function actionText(k: number): string {
  const data = k & 0xffff;
  const name = actions.get((k & 0xffff0000) >>> 0) ?? `0x${(k >>> 0).toString(16)}`;
  return data && name !== 'ALLOW' ? `${name}(${data})` : name;
}
