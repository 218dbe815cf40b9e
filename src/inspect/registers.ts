import { type CoreEntry, CoreEntryMarch } from '../gen/criu/task.ts';
import { type SyscallTable, syscallName } from './syscall-names.ts';

export interface Register {
  readonly name: string;
  readonly value: bigint;
}

export interface ThreadRegisters {
  /** `x86-64`, `i386`, `aarch64`, … */
  readonly architecture: string;
  readonly instructionPointer?: bigint;
  readonly stackPointer?: bigint;
  readonly registers: readonly Register[];
  /** The call that the thread is in, as far as the registers tell. */
  readonly syscall?: Syscall;
}

export interface Syscall {
  readonly number: number;
  /** Missing for a number that is newer than this program. */
  readonly name?: string;
  /** As they were passed. */
  readonly arguments: readonly bigint[];
}

const names = new Map<number, string>(Object.entries(CoreEntryMarch).map(([name, number]) => [number, name]));

/** The registers of a thread, or undefined where its image has none. */
export function registersOf(core: CoreEntry): ThreadRegisters | undefined {
  if (core.thread_info) return x86Registers(core.thread_info.gpregs);
  if (core.ti_aarch64) {
    const { regs, sp, pc, pstate } = core.ti_aarch64.gpregs;
    const registers = regs.map((value, at) => ({ name: `x${at}`, value }));
    return {
      architecture: 'aarch64',
      instructionPointer: pc,
      stackPointer: sp,
      registers: [
        ...registers,
        { name: 'sp', value: sp },
        { name: 'pc', value: pc },
        { name: 'pstate', value: pstate },
      ],
    };
  }
  return otherRegisters(core);
}

type X86Registers = NonNullable<CoreEntry['thread_info']>['gpregs'];

const x86Order =
  'ax bx cx dx si di bp sp r8 r9 r10 r11 r12 r13 r14 r15 ip flags orig_ax cs ss ds es fs gs fs_base gs_base'.split(
    ' ',
  ) as Exclude<keyof X86Registers, 'mode'>[];

function x86Registers(gpregs: X86Registers): ThreadRegisters {
  const compat = gpregs.mode === 2;
  const prefix = compat ? 'e' : 'r';
  const named = (name: string): string =>
    name.length === 2 && !/^(r\d|[c-gs]s)$/.test(name)
      ? prefix + name
      : name === 'flags'
        ? `${prefix}flags`
        : name;
  const registers = x86Order.map((name) => ({ name: named(name), value: gpregs[name] }));
  const syscall = compat ? undefined : x86Syscall(gpregs);
  return {
    architecture: compat ? 'i386' : 'x86-64',
    instructionPointer: gpregs.ip,
    stackPointer: gpregs.sp,
    registers,
    ...(syscall && { syscall }),
  };
}

/** Outside a call `orig_ax` is −1; CRIU sets it so too when it has prepared the call to be done again. */
function x86Syscall(gpregs: X86Registers): Syscall | undefined {
  const number = BigInt.asIntN(64, gpregs.orig_ax);
  if (number < 0n || number > 0xffffn) return undefined;
  const { di, si, dx, r10, r8, r9 } = gpregs;
  return syscallOf('x86-64', Number(number), [di, si, dx, r10, r8, r9]);
}

function syscallOf(table: SyscallTable, number: number, values: readonly bigint[]): Syscall {
  const name = syscallName(table, number);
  return { number, ...(name !== undefined && { name }), arguments: values };
}

/** The general registers of the rarer processors, under the names of the image. */
function otherRegisters(core: CoreEntry): ThreadRegisters | undefined {
  const { ti_arm, ti_ppc64, ti_s390, ti_mips, ti_loongarch64, ti_riscv64 } = core;
  const info = ti_arm ?? ti_ppc64 ?? ti_s390 ?? ti_mips ?? ti_loongarch64 ?? ti_riscv64;
  if (!info) return undefined;
  const registers: Register[] = [];
  for (const [name, value] of Object.entries(info.gpregs)) {
    if (Array.isArray(value))
      registers.push(...value.map((one, at) => ({ name: `${name}${at}`, value: BigInt(one) })));
    else if (typeof value === 'number' || typeof value === 'bigint')
      registers.push({ name, value: BigInt(value) });
  }
  const pick = (wanted: RegExp): bigint | undefined => registers.find(({ name }) => wanted.test(name))?.value;
  const instructionPointer = pick(/^(pc|ip|nip|cp0_epc|psw_addr)$/);
  const stackPointer = pick(/^sp$/);
  return {
    architecture: (names.get(core.mtype) ?? 'unknown').toLowerCase(),
    ...(instructionPointer !== undefined && { instructionPointer }),
    ...(stackPointer !== undefined && { stackPointer }),
    registers,
  };
}
