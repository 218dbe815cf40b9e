import { readArchitecture } from '../checkpoint/architecture.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { objectIn, readDump } from '../checkpoint/dump-json.ts';
import { readIdentity } from '../checkpoint/identity.ts';
import { memberNames } from '../checkpoint/layout.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { FileEntry, FileLockEntry } from '../gen/criu/files.ts';
import { InventoryEntry, Lsmtype } from '../gen/criu/inventory.ts';
import { NetnsEntry, PidnsEntry } from '../gen/criu/namespaces.ts';
import { CoreEntry } from '../gen/criu/task.ts';
import { bindMounts } from './container-files.ts';
import { mountNamespaces, numbered } from './mounts.ts';
import type { Problems } from './problems.ts';
import { listProcesses } from './process-tree.ts';
import { processors } from './processor.ts';

/** Something that has to be there for the checkpoint to be restored. */
export interface Need {
  readonly kind:
    | 'machine'
    | 'processor'
    | 'kernel'
    | 'criu'
    | 'criu option'
    | 'criu plugin'
    | 'image'
    | 'mount'
    | 'device'
    | 'namespace'
    | 'security module';
  /** What it is. */
  readonly what: string;
  /** Why it is needed, as the checkpoint says. */
  readonly reason: string;
  /** What a program can look for on a node, where it is more than `what`. */
  readonly check?: NeedCheck;
}

export interface NeedCheck {
  /** Of the processor, under the names of /proc/cpuinfo. */
  readonly features?: readonly string[];
  /** The oldest that will do. */
  readonly version?: string;
  /** On the node, and what has to be there. */
  readonly path?: string;
  readonly type?: 'file' | 'directory' | 'device';
  /** Names under which a container runtime may have the image. */
  readonly images?: readonly string[];
}

/**
 * What a restore would need, as far as the checkpoint tells. Nothing is looked up on this machine: the answer is
 * the same wherever it is asked. What cannot be read becomes a problem, and the rest is told.
 */
export async function restoreNeeds(
  checkpoint: Checkpoint,
  images: ImageSet,
  problems: Problems,
): Promise<Need[]> {
  const parts: readonly (readonly [string, () => Promise<Need[]>])[] = [
    ['machine', () => machineNeeds(checkpoint)],
    ['processor', () => processorNeeds(images)],
    ['criu', () => criuNeeds(checkpoint, images)],
    ['image', () => imageNeeds(checkpoint)],
    ['mounts', () => mountNeeds(checkpoint, images)],
    ['devices', () => deviceNeeds(checkpoint)],
    ['namespaces', () => namespaceNeeds(images)],
    ['files', () => fileNeeds(images)],
  ];
  const needs: Need[] = [];
  for (const [about, work] of parts) {
    for (const need of (await problems.attempt(about, work)) ?? []) needs.push(need);
  }
  return needs;
}

async function machineNeeds(checkpoint: Checkpoint): Promise<Need[]> {
  const what = await readArchitecture(checkpoint);
  return [{ kind: 'machine', what, reason: 'registers and code are those of this machine' }];
}

/** State components of XSAVE, by bit, beyond x87 and SSE, which every x86-64 has. */
const stateNames: readonly (readonly [bit: bigint, name: string, feature: string])[] = [
  [2n, 'AVX', 'avx'],
  [3n, 'MPX', 'mpx'],
  [5n, 'AVX-512', 'avx512f'],
  [9n, 'protection keys', 'pku'],
  [11n, 'shadow stacks', 'user_shstk'],
  [17n, 'AMX', 'amx_tile'],
];

async function processorNeeds(images: ImageSet): Promise<Need[]> {
  const users = new Map<string, number>();
  for (const [pid, { threads }] of await listProcesses(images)) {
    for (const tid of new Set([pid, ...threads])) {
      const core = await images.message(`core-${tid}.img`, CoreEntry);
      const used = core?.thread_info?.fpregs?.xsave?.xstate_bv ?? 0n;
      for (const [bit, name] of stateNames) {
        if ((used >> bit) & 1n) users.set(name, (users.get(name) ?? 0) + 1);
      }
    }
  }
  const feature = new Map(stateNames.map(([, name, one]) => [name, one]));
  const needs = [...users].map(
    ([what, count]): Need => ({
      kind: 'processor',
      what,
      reason: `${count === 1 ? 'a thread has' : `${count} threads have`} registers of it in use`,
      check: { features: [feature.get(what) ?? what] },
    }),
  );
  for (const { features, model = 'the processor' } of await processors(images)) {
    if (features.length === 0) continue;
    const reason = 'programs may use whatever it had; CRIU noted it';
    needs.push({ kind: 'processor', what: `the features of ${model}`, reason, check: { features } });
  }
  return needs;
}

const dumpVersion = /\bVersion: (\d{1,4}(?:\.\d{1,4}){1,3})/;
const dumpKernel = /\bRunning on \S{1,255} Linux (\d{1,4}\.\d{1,5}\S{0,100})/;
const logLimit = 1 << 20;

async function criuNeeds(checkpoint: Checkpoint, images: ImageSet): Promise<Need[]> {
  const needs: Need[] = [];
  const inventory = await images.message('inventory.img', InventoryEntry);
  const log = await logHead(checkpoint);
  const version = dumpVersion.exec(log)?.[1];
  if (version) {
    const reason = 'it made the images; an older one may not know all that is in them';
    needs.push({ kind: 'criu', what: `${version} or later`, reason, check: { version } });
  }
  const kernel = dumpKernel.exec(log)?.[1];
  if (kernel) {
    const reason = 'the dump was made on it; an older one may lack what the processes use';
    const check = { version: kernel };
    needs.push({ kind: 'kernel', what: `Linux ${kernel} or later`, reason, check });
  }
  const module = { [Lsmtype.SELINUX]: 'SELinux', [Lsmtype.APPARMOR]: 'AppArmor' }[inventory?.lsmtype ?? 0];
  if (module) needs.push({ kind: 'security module', what: module, reason: 'the processes have its labels' });
  for (const what of inventory?.plugins_entry?.plugins ?? []) {
    needs.push({ kind: 'criu plugin', what, reason: 'the dump was made with it' });
  }
  return needs;
}

/** The begin of `dump.log`, where CRIU says who and where it is. */
async function logHead(checkpoint: Checkpoint): Promise<string> {
  const member = await checkpoint.find(memberNames.dumpLog);
  if (!member) return '';
  const source = await checkpoint.open(member.name);
  try {
    const bytes = await source.read(0, Math.min(member.size, logLimit));
    return new TextDecoder().decode(bytes);
  } finally {
    await source.close();
  }
}

async function imageNeeds(checkpoint: Checkpoint): Promise<Need[]> {
  const { image, imageRef } = await readIdentity(checkpoint);
  const what = image || imageRef;
  if (what === '') return [];
  const digest = imageRef !== '' && imageRef !== what ? ` (${imageRef})` : '';
  const reason = 'files that the container did not change are there';
  const images = [...new Set([imageRef, image].filter(Boolean))];
  return [{ kind: 'image', what: `${what}${digest}`, reason, check: { images } }];
}

async function mountNeeds(checkpoint: Checkpoint, images: ImageSet): Promise<Need[]> {
  const needs: Need[] = (await bindMounts(checkpoint)).map(({ source, destination, isFile }) => ({
    kind: 'mount',
    what: source,
    reason: `a ${isFile ? 'file' : 'folder'} to mount at ${destination}`,
    check: { path: source, type: isFile ? 'file' : 'directory' },
  }));
  const given = new Set<string>();
  for (const { mounts } of await mountNamespaces(images)) {
    for (const { external, mountpoint } of mounts) {
      if (external === undefined || given.has(external)) continue;
      given.add(external);
      needs.push({
        kind: 'mount',
        what: external,
        reason: `mounted at ${mountpoint} from outside the container; the runtime has to give it`,
      });
    }
  }
  return needs;
}

/** Devices that every runtime makes. */
const usualDevices = /^\/dev\/(null|zero|full|random|urandom|tty|console|ptmx)$/;

async function deviceNeeds(checkpoint: Checkpoint): Promise<Need[]> {
  const spec = await readDump(checkpoint, memberNames.specDump);
  const devices = objectIn(spec, 'linux', memberNames.specDump).get('devices');
  const needs: Need[] = [];
  for (const device of Array.isArray(devices) ? devices : []) {
    const path = device instanceof Map ? device.get('path') : undefined;
    if (typeof path !== 'string' || usualDevices.test(path)) continue;
    const reason = 'the specification gives it to the container';
    needs.push({ kind: 'device', what: path, reason, check: { path, type: 'device' } });
  }
  return needs;
}

async function namespaceNeeds(images: ImageSet): Promise<Need[]> {
  const needs: Need[] = [];
  for (const [prefix, type, what] of [
    ['netns-', NetnsEntry, 'network'],
    ['pidns-', PidnsEntry, 'process'],
  ] as const) {
    for (const { name } of await numbered(images, prefix)) {
      const entry = await images.message<{ ext_key?: string }>(name, type);
      if (!entry?.ext_key) continue;
      const reason = `it was given from outside, as ${entry.ext_key}`;
      needs.push({ kind: 'namespace', what: `${what} namespace`, reason });
    }
  }
  return needs;
}

const tcp = 6;
const listening = 10;
const closed = 7;

/** What CRIU restores only when it is told to, and what it cannot make by itself. */
async function fileNeeds(images: ImageSet): Promise<Need[]> {
  const needs: Need[] = [];
  const add = (count: number, kind: Need['kind'], what: string, reason: string, check?: NeedCheck): void => {
    if (count > 0) needs.push({ kind, what, reason: `${count} ${reason}`, ...(check && { check }) });
  };
  const files = await images.messages('files.img', FileEntry);
  const counted = (is: (file: FileEntry) => boolean): number => files.filter(is).length;
  const connected = counted(
    ({ isk }) => isk?.proto === tcp && isk.state !== listening && isk.state !== closed,
  );
  add(connected, 'criu option', 'tcp-established', 'TCP sockets are connected, and the address must be here');
  const locks = (await images.messages('filelocks.img', FileLockEntry)).length;
  add(locks, 'criu option', 'file-locks', 'file locks are held');
  add(
    counted(({ ext }) => ext !== undefined),
    'criu plugin',
    'for external files',
    'open files were dumped by a plugin',
  );
  add(
    counted(({ tunf }) => tunf !== undefined),
    'device',
    '/dev/net/tun',
    'tunnels are open',
    { path: '/dev/net/tun', type: 'device' },
  );
  add(
    counted(({ bpf }) => bpf !== undefined),
    'kernel',
    'BPF maps',
    'BPF maps are open',
  );
  add(
    counted(({ pidfd }) => pidfd !== undefined),
    'kernel',
    'pidfd',
    'descriptors of processes are open',
  );
  return needs;
}
