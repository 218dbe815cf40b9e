import type { Codec } from '../archive/compression.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { containerLogNames, memberNames } from '../checkpoint/layout.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { imageKinds } from '../criu/magic.ts';
import { announce } from './announce.ts';
import {
  type Cgroups,
  cgroups,
  type DumpFacts,
  dumpFacts,
  type Namespaces,
  namespaces,
} from './confinement.ts';
import {
  type BindMount,
  bindMounts,
  type ChangedFile,
  type CriuLog,
  containerLog,
  criuLogs,
  deletedFiles,
  type LogText,
  rootfsChanges,
} from './container-files.ts';
import { imagesOf } from './images.ts';
import {
  type Automount,
  automounts,
  type BinaryFormat,
  type BpfMap,
  binaryFormats,
  bpfMaps,
} from './kernel-objects.ts';
import { type FileLock, fileLocks } from './locks.ts';
import { type MemoryMap, memoryMap } from './memory-map.ts';
import { type MountNamespace, mountNamespaces } from './mounts.ts';
import { type NetworkNamespace, networks } from './network.ts';
import { type FileContext, fileContext, openFiles, type ProcessFiles } from './open-files.ts';
import { Problems } from './problems.ts';
import { type ProcessDetails, processDetails } from './process-details.ts';
import { listProcesses } from './process-tree.ts';
import { type Processor, processors } from './processor.ts';
import { type SeccompFilterReport, seccompFilters } from './seccomp.ts';
import { type SharedSegment, type SystemV, sharedMemory, systemV } from './shared-memory.ts';
import { type TemporaryFiles, temporaryFiles } from './temporary-files.ts';

/**
 * All that can be known beyond the process tree, as plain data. A bigint is an address, a mask or an opaque
 * number of 64 bits; bytes are contents.
 */
export interface Sections {
  /** Threads, registers, credentials, signals, timers, limits, namespaces of each process. */
  details?: ProcessDetails[];
  /** Open files and sockets of each process, with what waits in them. */
  files?: ProcessFiles[];
  /** Maps of each process. */
  maps?: MemoryMap[];
  shared?: SharedSegment[];
  ipc?: SystemV;
  seccomp?: SeccompFilterReport[];
  mounts?: MountNamespace[];
  namespaces?: Namespaces;
  cgroups?: Cgroups;
  locks?: FileLock[];
  network?: NetworkNamespace[];
  /** File systems in memory, with what is in them. */
  tmpfs?: TemporaryFiles[];
  autofs?: Automount[];
  binfmt?: BinaryFormat[];
  bpf?: BpfMap[];
  /** The processor of the machine that was dumped on. */
  processor?: Processor[];
  dump?: DumpFacts;
  rootfs?: ChangedFile[];
  deleted?: string[];
  binds?: BindMount[];
  /** The end of the container's log. */
  log?: LogText;
  /** What CRIU complained about. */
  criuLog?: CriuLog[];
}

export type SectionName = keyof Sections;

export interface SectionOptions {
  problems?: Problems;
  /** Unpacks compressed members. */
  codec?: Codec | undefined;
  /** The checkpoint that an incremental one builds on. */
  parent?: Checkpoint | undefined;
}

/** What the sections are made from; opened when the first one asks. */
class Subject {
  readonly checkpoint: Checkpoint;
  readonly problems: Problems;
  readonly codec: Codec | undefined;
  readonly #parent: Checkpoint | undefined;
  #images: Promise<ImageSet> | undefined;
  #files: Promise<FileContext> | undefined;

  constructor(checkpoint: Checkpoint, { problems = new Problems(), codec, parent }: SectionOptions) {
    this.checkpoint = checkpoint;
    this.problems = problems;
    this.codec = codec;
    this.#parent = parent;
  }

  images(): Promise<ImageSet> {
    this.#images ??= imagesOf(this.checkpoint, { parent: this.#parent });
    return this.#images;
  }

  files(): Promise<FileContext> {
    this.#files ??= this.images().then((images) => fileContext(images, this.problems));
    return this.#files;
  }
}

type Readers = { readonly [K in SectionName]-?: (subject: Subject) => Promise<Sections[K]> };

const readers: Readers = {
  details: async (subject) =>
    processDetails(await subject.images(), (await subject.files()).table, subject.problems),
  files: async (subject) => openFiles(await subject.files(), subject.problems),
  maps: readMaps,
  shared: async (subject) => sharedMemory(await subject.images()),
  ipc: async (subject) => systemV(await subject.images()),
  seccomp: async (subject) => seccompFilters(await subject.images()),
  mounts: async (subject) => mountNamespaces(await subject.images()),
  namespaces: async (subject) => namespaces(await subject.images()),
  cgroups: async (subject) => cgroups(await subject.images()),
  locks: async (subject) => fileLocks(await subject.images()),
  network: async (subject) => networks(await subject.images(), subject.problems),
  tmpfs: async (subject) => temporaryFiles(subject.checkpoint, await subject.images(), subject.codec),
  autofs: async (subject) => automounts(await subject.images()),
  binfmt: async (subject) => binaryFormats(await subject.images()),
  bpf: async (subject) => bpfMaps(await subject.images()),
  processor: async (subject) => processors(await subject.images()),
  dump: async (subject) => dumpFacts(await subject.images()),
  rootfs: (subject) => rootfsChanges(subject.checkpoint, subject.codec),
  deleted: (subject) => deletedFiles(subject.checkpoint),
  binds: (subject) => bindMounts(subject.checkpoint),
  log: (subject) => containerLog(subject.checkpoint),
  criuLog: (subject) => criuLogs(subject.checkpoint),
};

/** Every section there is, in the order in which they are shown. */
export const sectionNames = Object.keys(readers) as readonly SectionName[];

async function readMaps(subject: Subject): Promise<MemoryMap[]> {
  const images = await subject.images();
  const { table } = await subject.files();
  const maps: MemoryMap[] = [];
  for (const pid of (await listProcesses(images)).keys()) {
    const map = await subject.problems.attempt(`process ${pid}: memory`, () => memoryMap(images, table, pid));
    if (map) maps.push(map);
  }
  return maps;
}

/** Starts of the names of all images but the pages, those without CRIU's framing included. */
const imagePrefixes: readonly string[] = [
  ...imageKinds.flatMap(({ files }) => files.map((name) => name.replace(/[#%]$/, ''))),
  ...[
    'ifaddr-',
    'route-',
    'route6-',
    'rule-',
    'iptables-',
    'ip6tables-',
    'nftables-',
    'netns-ct-',
    'netns-exp-',
    'tmpfs-',
  ],
];

/** What the sections read besides images. */
const fileMembers: readonly string[] = [
  memberNames.rootfsDiff,
  memberNames.deletedFiles,
  memberNames.bindMounts,
  memberNames.dumpLog,
  memberNames.restoreLog,
];

/** The wanted sections; one that cannot be read is left out and noted as a problem. */
export async function readSections(
  checkpoint: Checkpoint,
  wanted: Iterable<SectionName>,
  options: SectionOptions = {},
): Promise<Sections> {
  const names = [...fileMembers, ...containerLogNames];
  await announce(checkpoint, { names, images: imagePrefixes });
  const subject = new Subject(checkpoint, options);
  const sections: Sections = {};
  for (const name of wanted) await addSection(sections, name, subject);
  return sections;
}

async function addSection<K extends SectionName>(
  sections: Sections,
  name: K,
  subject: Subject,
): Promise<void> {
  const read = readers[name] as (subject: Subject) => Promise<Sections[K]>;
  const value = await subject.problems.attempt(name, () => read(subject));
  if (value !== undefined) sections[name] = value;
}
