import { concat } from '../bytes/concat.ts';
import { utf8 } from '../bytes/text.ts';
import { unixBytes } from '../bytes/unix-text.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { PstreeEntry } from '../gen/criu/inventory.ts';
import type { CoreEntry } from '../gen/criu/task.ts';
import type { MappedRange } from './memory-map.ts';

/** What the notes of a core file are made from. */
export interface CoreSubject {
  readonly entry: PstreeEntry;
  /** The image of each thread, the process's own first. */
  readonly threads: readonly { readonly tid: number; readonly core: CoreEntry }[];
  readonly args: readonly string[];
  readonly auxv: readonly bigint[];
  readonly files: readonly MappedRange[];
  readonly pageSize: number;
}

const noteTypes = {
  prstatus: 1,
  fpregset: 2,
  prpsinfo: 3,
  auxv: 6,
  x86Xstate: 0x202,
  armTls: 0x401,
  siginfo: 0x53494749,
  file: 0x46494c45,
} as const;

/** The number of the processor in an ELF header. @throws CodedError `unsupported` */
export function elfMachine(core: CoreEntry): number {
  if (core.thread_info && core.thread_info.gpregs.mode !== 2) return 62;
  if (core.ti_aarch64) return 183;
  throw new CodedError('unsupported', 'core files are made of x86-64 and aarch64 processes only', {
    data: { architecture: core.mtype },
  });
}

/** The contents of the note segment, in the order in which the kernel writes it. */
export function coreNotes(subject: CoreSubject): Uint8Array {
  const [leader, ...others] = subject.threads;
  if (!leader) throw new CodedError('corrupt', `process ${subject.entry.pid} has no threads`);
  return concat([
    prstatus(subject.entry, leader.tid, leader.core),
    note('CORE', noteTypes.prpsinfo, prpsinfo(subject, leader.core)),
    note('CORE', noteTypes.siginfo, new Uint8Array(128)),
    note('CORE', noteTypes.auxv, auxvBytes(subject.auxv)),
    note('CORE', noteTypes.file, fileNote(subject)),
    ...floatNotes(leader.core),
    ...others.flatMap(({ tid, core }) => [prstatus(subject.entry, tid, core), ...floatNotes(core)]),
  ]);
}

/** The owner's name and the contents are each filled up to a multiple of 4. */
function note(owner: string, type: number, content: Uint8Array): Uint8Array {
  const name = utf8(`${owner}\0`);
  const nameSpace = (name.length + 3) & ~3;
  const out = new Uint8Array(12 + nameSpace + ((content.length + 3) & ~3));
  const view = new DataView(out.buffer);
  view.setUint32(0, name.length, true);
  view.setUint32(4, content.length, true);
  view.setUint32(8, type, true);
  out.set(name, 12);
  out.set(content, 12 + nameSpace);
  return out;
}

function generalRegisters(core: CoreEntry): bigint[] {
  if (core.ti_aarch64) {
    const { regs, sp, pc, pstate } = core.ti_aarch64.gpregs;
    return [...regs.slice(0, 31), sp, pc, pstate];
  }
  const g = core.thread_info?.gpregs;
  if (!g) throw new CodedError('corrupt', 'a thread has no registers');
  const { r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di } = g;
  const { orig_ax, ip, cs, flags, sp, ss, fs_base, gs_base, ds, es, fs, gs } = g;
  const first = [r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax];
  return [...first, ip, cs, flags, sp, ss, fs_base, gs_base, ds, es, fs, gs];
}

const registersOffset = 112;

function prstatus(entry: PstreeEntry, tid: number, core: CoreEntry): Uint8Array {
  const registers = generalRegisters(core);
  const out = new Uint8Array(registersOffset + registers.length * 8 + 8);
  const view = new DataView(out.buffer);
  view.setBigUint64(24, core.thread_core?.blk_sigset ?? core.tc?.blk_sigset ?? 0n, true);
  for (const [at, value] of [tid, entry.ppid, entry.pgid, entry.sid].entries())
    view.setUint32(32 + at * 4, value, true);
  for (const [at, value] of registers.entries()) view.setBigUint64(registersOffset + at * 8, value, true);
  view.setInt32(registersOffset + registers.length * 8, 1, true);
  return note('CORE', noteTypes.prstatus, out);
}

function prpsinfo({ entry, args }: CoreSubject, core: CoreEntry): Uint8Array {
  const out = new Uint8Array(136);
  const view = new DataView(out.buffer);
  const stopped = core.tc?.task_state === 3;
  out[0] = stopped ? 4 : 0;
  out[1] = (stopped ? 'T' : 'R').charCodeAt(0);
  view.setInt8(3, core.thread_core?.sched_nice ?? 0);
  view.setBigUint64(8, BigInt(core.tc?.flags ?? 0), true);
  const creds = core.thread_core?.creds;
  const ids = [creds?.uid ?? 0, creds?.gid ?? 0, entry.pid, entry.ppid, entry.pgid, entry.sid];
  for (const [at, value] of ids.entries()) view.setUint32(16 + at * 4, value, true);
  out.set(unixBytes(core.tc?.comm ?? '').subarray(0, 15), 40);
  out.set(unixBytes(args.join(' ') || (core.tc?.comm ?? '')).subarray(0, 79), 56);
  return out;
}

function auxvBytes(auxv: readonly bigint[]): Uint8Array {
  const pairs: bigint[] = [];
  for (let at = 0; at + 1 < auxv.length && auxv[at] !== 0n; at += 2)
    pairs.push(auxv[at] ?? 0n, auxv[at + 1] ?? 0n);
  return words64([...pairs, 0n, 0n]);
}

function words64(values: readonly bigint[]): Uint8Array {
  const out = new Uint8Array(values.length * 8);
  const view = new DataView(out.buffer);
  for (const [at, value] of values.entries()) view.setBigUint64(at * 8, value, true);
  return out;
}

/** Which files are mapped where; offsets are counted in pages. */
function fileNote({ files, pageSize }: CoreSubject): Uint8Array {
  const words = [BigInt(files.length), BigInt(pageSize)];
  for (const { start, end, offset } of files) words.push(start, end, BigInt(Math.floor(offset / pageSize)));
  return concat([words64(words), ...files.map(({ name }) => unixBytes(`${name}\0`))]);
}

function floatNotes(core: CoreEntry): Uint8Array[] {
  if (core.ti_aarch64) {
    const { fpsimd, tls } = core.ti_aarch64;
    const out = new Uint8Array(528);
    out.set(words64(fpsimd.vregs.slice(0, 64)));
    const view = new DataView(out.buffer);
    view.setUint32(512, fpsimd.fpsr, true);
    view.setUint32(516, fpsimd.fpcr, true);
    return [note('CORE', noteTypes.fpregset, out), note('LINUX', noteTypes.armTls, words64([tls]))];
  }
  const fpregs = core.thread_info?.fpregs;
  if (!fpregs) return [];
  const fxsave = fxsaveArea(fpregs);
  const notes = [note('CORE', noteTypes.fpregset, fxsave)];
  if (fpregs.xsave) notes.push(note('LINUX', noteTypes.x86Xstate, xsaveArea(fxsave, fpregs.xsave)));
  return notes;
}

type FloatRegisters = NonNullable<CoreEntry['thread_info']>['fpregs'];

function fxsaveArea(fpregs: FloatRegisters): Uint8Array {
  const out = new Uint8Array(512);
  const view = new DataView(out.buffer);
  for (const [at, value] of [fpregs.cwd, fpregs.swd, fpregs.twd, fpregs.fop].entries())
    view.setUint16(at * 2, value, true);
  view.setBigUint64(8, fpregs.rip, true);
  view.setBigUint64(16, fpregs.rdp, true);
  view.setUint32(24, fpregs.mxcsr, true);
  view.setUint32(28, fpregs.mxcsr_mask, true);
  setWords(view, 32, fpregs.st_space.slice(0, 32));
  setWords(view, 160, fpregs.xmm_space.slice(0, 64));
  return out;
}

function setWords(view: DataView, offset: number, values: readonly (number | bigint)[]): void {
  let at = offset;
  for (const value of values) {
    if (typeof value === 'bigint') view.setBigUint64(at, value, true);
    else view.setUint32(at, value, true);
    at += typeof value === 'bigint' ? 8 : 4;
  }
}

/** Where the extended state lies in the form that processors write it, and which bit of XCR0 stands for it. */
const components = [
  { key: 'ymmh_space', offset: 576, length: 256, mask: 0x7n },
  { key: 'bndreg_state', offset: 960, length: 64, mask: 0x18n },
  { key: 'bndcsr_state', offset: 1024, length: 64, mask: 0x18n },
  { key: 'opmask_reg', offset: 1088, length: 64, mask: 0xe7n },
  { key: 'zmm_upper', offset: 1152, length: 512, mask: 0xe7n },
  { key: 'hi16_zmm', offset: 1664, length: 1024, mask: 0xe7n },
  { key: 'pkru', offset: 2688, length: 8, mask: 0x200n },
] as const;

/** Debuggers read the mask of what is there from a place that processors leave to software. */
const maskOffset = 464;

function xsaveArea(fxsave: Uint8Array, xsave: NonNullable<FloatRegisters['xsave']>): Uint8Array {
  const there = components.filter(({ key }) => xsave[key].length > 0);
  const size = Math.max(576, ...there.map(({ offset, length }) => offset + length));
  const mask = there.reduce((all, one) => all | one.mask, 0x3n);
  const out = new Uint8Array(size);
  out.set(fxsave);
  const view = new DataView(out.buffer);
  view.setBigUint64(maskOffset, mask, true);
  view.setBigUint64(512, xsave.xstate_bv & mask, true);
  for (const { key, offset, length } of there) {
    const values = xsave[key];
    const width = typeof values[0] === 'bigint' ? 8 : 4;
    setWords(view, offset, values.slice(0, length / width));
  }
  return out;
}
