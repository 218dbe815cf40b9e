import type { FileTable } from '../criu/file-table.ts';
import type { ImageSet } from '../criu/image-set.ts';
import type { PstreeEntry } from '../gen/criu/inventory.ts';
import { MmEntry } from '../gen/criu/memory.ts';
import {
  CoreEntry,
  CredsEntry,
  FsEntry,
  ItimerEntry,
  PosixTimerEntry,
  RlimitEntry,
  SaEntry,
  SiginfoEntry,
  TaskKobjIdsEntry,
  type ThreadCoreEntry,
} from '../gen/criu/task.ts';
import { buildIdText } from './build-id.ts';
import {
  bitNames,
  capabilityNames,
  limitNames,
  schedulingPolicies,
  secureBits,
  signalName,
  signalSet,
} from './linux-names.ts';
import { Problems } from './problems.ts';
import { listProcesses } from './process-tree.ts';
import { registersOf, type ThreadRegisters } from './registers.ts';
import { type PendingSignal, pendingSignals, type SignalAction, signalActions } from './signals.ts';
import { type Timers, timersOf } from './timers.ts';

export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly euid: number;
  readonly egid: number;
  readonly suid: number;
  readonly sgid: number;
  readonly fsuid: number;
  readonly fsgid: number;
  readonly groups: readonly number[];
  readonly capabilities: {
    readonly effective: readonly string[];
    readonly permitted: readonly string[];
    readonly inheritable: readonly string[];
    readonly bounding: readonly string[];
    readonly ambient: readonly string[];
  };
  readonly secureBits: readonly string[];
  readonly noNewPrivileges: boolean;
  /** AppArmor's or SELinux's, whichever the machine has. */
  readonly securityProfile?: string;
}

export interface Thread {
  readonly tid: number;
  readonly name: string;
  readonly registers?: ThreadRegisters;
  readonly credentials?: Credentials;
  /** `filter` names the newest of the filters it runs under, see the report's seccomp section. */
  readonly seccomp: { readonly mode: 'disabled' | 'strict' | 'filter'; readonly filter?: number };
  readonly scheduling: { readonly policy: string; readonly nice: number; readonly priority: number };
  readonly blockedSignals: readonly string[];
  /** Sent to this thread alone. */
  readonly pendingSignals: readonly PendingSignal[];
  readonly alternateStack?: { readonly address: bigint; readonly size: number };
  readonly parentDeathSignal?: string;
  readonly robustFutexList?: bigint;
  readonly cgroupSet?: number;
}

export interface Limit {
  readonly name: string;
  readonly soft: number | 'unlimited';
  readonly hard: number | 'unlimited';
}

/** Numbers that are equal for processes that share the thing; namespaces by the numbers of the images. */
export interface SharedIds {
  readonly memory: number;
  readonly files: number;
  readonly filesystem: number;
  readonly signalHandlers: number;
  readonly namespaces: Readonly<Record<string, number>>;
}

export interface ProcessDetails {
  readonly pid: number;
  readonly exe?: string;
  /** First bytes of the program's build id, as far as the image keeps it. */
  readonly buildId?: string;
  readonly cwd?: string;
  readonly root?: string;
  readonly umask?: string;
  readonly threads: readonly Thread[];
  readonly signalActions: readonly SignalAction[];
  /** Sent to the process. */
  readonly pendingSignals: readonly PendingSignal[];
  readonly timers: Timers;
  readonly limits: readonly Limit[];
  readonly ids?: SharedIds;
  readonly oomScoreAdjustment?: number;
  readonly loginUid?: number;
  readonly childSubreaper?: boolean;
  readonly personality?: number;
}

/** Everything the images say about each process but its files and memory; dead processes are left out. */
export async function processDetails(
  images: ImageSet,
  files: FileTable,
  problems = new Problems(),
): Promise<ProcessDetails[]> {
  const details: ProcessDetails[] = [];
  for (const entry of (await listProcesses(images)).values()) {
    const one = await problems.attempt(`process ${entry.pid}`, () => detailsOf(images, files, entry));
    if (one) details.push(one);
  }
  return details;
}

async function detailsOf(
  images: ImageSet,
  files: FileTable,
  entry: PstreeEntry,
): Promise<ProcessDetails | undefined> {
  const { pid } = entry;
  const core = await images.message(`core-${pid}.img`, CoreEntry);
  const tc = core?.tc;
  if (!tc || tc.task_state === 2 || tc.task_state === 6) return undefined;
  const mm = await images.message(`mm-${pid}.img`, MmEntry);
  const fs = await images.message(`fs-${pid}.img`, FsEntry);
  const path = (id: number | undefined): string | undefined =>
    id === undefined ? undefined : files.get(id)?.reg?.name;
  const exe = path(mm?.exe_file_id);
  const buildId = buildIdText(files.get(mm?.exe_file_id ?? -1)?.reg?.build_id ?? []);
  const [cwd, root] = [path(fs?.cwd_id), path(fs?.root_id)];
  const ids = (await images.message(`ids-${pid}.img`, TaskKobjIdsEntry)) ?? core.ids;
  const actions =
    tc.sigactions.length > 0 ? tc.sigactions : await images.messages(`sigacts-${pid}.img`, SaEntry);
  const shared = tc.signals_s ?? { signals: await images.messages(`signal-s-${pid}.img`, SiginfoEntry) };
  return {
    pid,
    ...(exe !== undefined && { exe }),
    ...(buildId && { buildId }),
    ...(cwd !== undefined && { cwd }),
    ...(root !== undefined && { root }),
    ...(fs?.umask !== undefined && { umask: `0${fs.umask.toString(8).padStart(3, '0')}` }),
    threads: await threadsOf(images, entry),
    signalActions: signalActions(actions),
    pendingSignals: pendingSignals(shared),
    timers: timersOf(
      tc.timers,
      await images.messages(`itimers-${pid}.img`, ItimerEntry),
      await images.messages(`posix-timers-${pid}.img`, PosixTimerEntry),
    ),
    limits: limitsOf(tc.rlimits?.rlimits ?? (await images.messages(`rlimit-${pid}.img`, RlimitEntry))),
    ...(ids && { ids: sharedIds(ids) }),
    ...(tc.oom_score_adj !== undefined && { oomScoreAdjustment: tc.oom_score_adj }),
    ...(tc.loginuid !== undefined && tc.loginuid !== 0xffff_ffff && { loginUid: tc.loginuid }),
    ...(tc.child_subreaper && { childSubreaper: true }),
    ...(tc.personality !== 0 && { personality: tc.personality }),
  };
}

async function threadsOf(images: ImageSet, entry: PstreeEntry): Promise<Thread[]> {
  const threads: Thread[] = [];
  for (const tid of entry.threads) {
    const core = await images.message(`core-${tid}.img`, CoreEntry);
    if (core)
      threads.push(threadOf(tid, core, core.thread_core?.creds ?? (await oldCredentials(images, tid))));
  }
  return threads;
}

function oldCredentials(images: ImageSet, tid: number): Promise<CredsEntry | undefined> {
  return images.message(`creds-${tid}.img`, CredsEntry);
}

const seccompModes = ['disabled', 'strict', 'filter'] as const;

function threadOf(tid: number, core: CoreEntry, creds: CredsEntry | undefined): Thread {
  const own: Partial<ThreadCoreEntry> = core.thread_core ?? {};
  const registers = registersOf(core);
  const mode = own.seccomp_mode ?? core.tc?.old_seccomp_mode ?? 0;
  const filter = own.seccomp_filter ?? core.tc?.old_seccomp_filter;
  return {
    tid,
    name: own.comm ?? core.tc?.comm ?? '',
    ...(registers && { registers }),
    ...(creds && { credentials: credentialsOf(creds) }),
    seccomp: {
      mode: seccompModes[mode] ?? 'disabled',
      ...(mode === 2 && filter !== undefined && { filter }),
    },
    scheduling: {
      policy: schedulingPolicies[own.sched_policy ?? 0] ?? String(own.sched_policy),
      nice: own.sched_nice ?? 0,
      priority: own.sched_prio ?? 0,
    },
    blockedSignals: signalSet(own.blk_sigset ?? core.tc?.blk_sigset ?? 0n),
    pendingSignals: pendingSignals(own.signals_p),
    ...(own.sas &&
      own.sas.ss_size > 0n && { alternateStack: { address: own.sas.ss_sp, size: Number(own.sas.ss_size) } }),
    ...(own.pdeath_sig && { parentDeathSignal: signalName(own.pdeath_sig) }),
    ...(own.futex_rla && { robustFutexList: own.futex_rla }),
    ...(own.cg_set !== undefined && { cgroupSet: own.cg_set }),
  };
}

function credentialsOf(creds: CredsEntry): Credentials {
  const { uid, gid, euid, egid, suid, sgid, fsuid, fsgid, groups } = creds;
  return {
    ...{ uid, gid, euid, egid, suid, sgid, fsuid, fsgid, groups },
    capabilities: {
      effective: capabilityNames(creds.cap_eff),
      permitted: capabilityNames(creds.cap_prm),
      inheritable: capabilityNames(creds.cap_inh),
      bounding: capabilityNames(creds.cap_bnd),
      ambient: capabilityNames(creds.cap_amb),
    },
    secureBits: bitNames(creds.secbits, secureBits),
    noNewPrivileges: creds.no_new_privs === 1,
    ...(creds.lsm_profile !== undefined && { securityProfile: creds.lsm_profile }),
  };
}

const unlimited = (1n << 64n) - 1n;

function limitsOf(entries: readonly RlimitEntry[]): Limit[] {
  return entries.map(({ cur, max }, at) => ({
    name: limitNames[at] ?? `limit ${at}`,
    soft: cur === unlimited ? 'unlimited' : Number(cur),
    hard: max === unlimited ? 'unlimited' : Number(max),
  }));
}

const namespaceKinds = ['pid', 'net', 'ipc', 'uts', 'mnt', 'user', 'cgroup', 'time'] as const;

/** The namespaces of a process by kind; a number equal to the inventory's is the machine's own. */
export function namespacesOf(ids: TaskKobjIdsEntry): Record<string, number> {
  const found: Record<string, number> = {};
  for (const kind of namespaceKinds) {
    const id = ids[`${kind}_ns_id`];
    if (id !== undefined) found[kind] = id;
  }
  return found;
}

function sharedIds(ids: TaskKobjIdsEntry): SharedIds {
  return {
    memory: ids.vm_id,
    files: ids.files_id,
    filesystem: ids.fs_id,
    signalHandlers: ids.sighand_id,
    namespaces: namespacesOf(ids),
  };
}
