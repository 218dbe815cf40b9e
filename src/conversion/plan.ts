import { type Json, parseGoJson, printGoJson } from '../bytes/go-json.ts';
import { utf8 } from '../bytes/text.ts';
import { objectIn } from '../checkpoint/dump-json.ts';
import { containerLogNames, memberFolders, memberNames } from '../checkpoint/layout.ts';
import {
  externalMountsIn,
  filesImage,
  foldersHiddenByCrun,
  forgetRootMode,
  isMountImage,
  renameHidden,
} from './adapted-images.ts';
import { programFor, targetConfig } from './config-dump.ts';
import { type ConversionNote, type ConversionOptions, engineNames, type Target } from './conversion.ts';
import { bindMountsOf, type ExternalMount, hiddenPaths } from './mounts.ts';
import { type ConversionSource, namespaceUse, type ReadSmall } from './source.ts';
import { targetSpec } from './spec-dump.ts';
import { targetStatus } from './status-dump.ts';

/** What the archive for the target is made of; the changed files of the container come beside it. */
export interface ConversionPlan {
  /** Members that are taken over, with the names that they get. */
  copied: ReadonlyMap<string, string>;
  /** Members that are written anew. */
  written: ReadonlyMap<string, Uint8Array>;
  /** Members of the original that are not in the result as they were. */
  replaced: ReadonlyMap<string, Uint8Array>;
  /** Members that the original has not. */
  added: readonly string[];
  notes: readonly ConversionNote[];
}

/** Members by which engines describe a container, each its own way. */
const description: readonly string[] = [
  memberNames.configDump,
  memberNames.specDump,
  memberNames.statusDump,
  memberNames.status,
  memberNames.networkStatus,
  memberNames.bindMounts,
  memberNames.deletedFiles,
];

/** Members that the conversion itself takes care of, besides those of {@link description}. */
const handled: readonly string[] = [memberNames.rootfsDiff, memberNames.manifest];

const logNames: Readonly<Record<Target, string>> = {
  containerd: memberNames.containerLog,
  'cri-o': memberNames.crioLog,
  podman: memberNames.podmanLog,
  stasis: memberNames.containerLog,
};

/** How the target wants the changed files. */
export const diffForm: Readonly<Record<Target, { packed: boolean; deletedInTar: boolean }>> = {
  containerd: { packed: true, deletedInTar: true },
  'cri-o': { packed: false, deletedInTar: false },
  podman: { packed: false, deletedInTar: false },
  stasis: { packed: false, deletedInTar: false },
};

export interface PlanInput {
  source: ConversionSource;
  /** Names of all regular files of the archive, without what earlier conversions kept. */
  names: readonly string[];
  /** The members of the original. */
  read: ReadSmall;
  options: ConversionOptions;
  /** Names of members that an earlier conversion changed in the archive. */
  changed: readonly string[];
  /** Files of the image that the container had deleted, where the tar of changes does not say it. */
  deleted: readonly string[];
}

/** @throws CodedError `corrupt`, `invalid-argument` */
export async function planConversion(input: PlanInput): Promise<ConversionPlan> {
  const { names, read, options } = input;
  const original = new Map<string, Uint8Array>();
  for (const name of [...description, filesImage, ...names.filter(isMountImage)]) {
    const bytes = await read(name);
    if (bytes) original.set(name, bytes);
  }
  const notes: ConversionNote[] = [];
  const written = isSame(input)
    ? new Map(original)
    : new Map([...describe(input, original, notes), ...adaptedImages(input, original, notes)]);
  const log = containerLogNames.find((name) => names.includes(name));
  const copied = new Map<string, string>();
  for (const name of names) {
    if (written.has(name) || description.includes(name) || handled.includes(name)) continue;
    const to = name === log ? logNames[options.target] : name;
    // The log that counts gets the name; another one that had it is left.
    if (name === log || log === undefined || to !== logNames[options.target]) copied.set(name, to);
  }
  if (!isSame(input)) notes.push(...leftOver(input, log));
  // What is copied stays; what is neither written nor copied is described otherwise at the target.
  const stays = (name: string, bytes: Uint8Array) => copied.has(name) || sameBytes(written.get(name), bytes);
  const replaced = new Map([...original].filter(([name, bytes]) => !stays(name, bytes)));
  const added = [...written.keys()].filter((name) => !original.has(name));
  return { copied, written, replaced, added, notes };
}

/** Whether the archive goes back to who made it, and nothing is to be otherwise. */
function isSame({ source, options }: PlanInput): boolean {
  const { target, program, image, imageId, name, mounts } = options;
  if (source.identity.engine !== engineNames[target]) return false;
  const inPod = (source.config.get('pod') ?? '') !== '';
  if (target === 'podman' && inPod !== (options.pod ?? false)) return false;
  const wishes = [program === source.program ? undefined : program, image, imageId, name];
  return wishes.every((wish) => wish === undefined) && (mounts?.size ?? 0) === 0;
}

function describe(
  { source, options, deleted }: PlanInput,
  original: ReadonlyMap<string, Uint8Array>,
  notes: ConversionNote[],
): Map<string, Uint8Array> {
  const { target } = options;
  const spec = targetSpec(source, options, notes);
  const config = targetConfig(source, options, notes);
  // The old specification says what was shared; the new one is what is run.
  if (target === 'podman') config.set('spec', spec);
  const made: [string, Json][] = [
    [memberNames.configDump, config],
    [memberNames.specDump, spec],
  ];
  if (target === 'containerd') made.push([memberNames.statusDump, targetStatus(source, options)]);
  if (target === 'podman') made.push([memberNames.networkStatus, networkOf(original)]);
  if (target === 'cri-o' || target === 'stasis') {
    const mounts = objectList(spec.get('mounts'));
    made.push([memberNames.bindMounts, bindMountsOf(mounts, recordedMounts(original))]);
  }
  if (deleted.length > 0) made.push([memberNames.deletedFiles, [...deleted]]);
  return new Map(made.map(([name, value]) => [name, utf8(printGoJson(value, '  '))]));
}

function networkOf(original: ReadonlyMap<string, Uint8Array>): Json {
  const bytes = original.get(memberNames.networkStatus);
  return bytes ? parseGoJson(bytes) : null;
}

function recordedMounts(original: ReadonlyMap<string, Uint8Array>): Map<string, Map<string, Json>> {
  const bytes = original.get(memberNames.bindMounts);
  const list = objectList(bytes && parseGoJson(bytes));
  return new Map(list.map((mount) => [String(mount.get('destination') ?? ''), mount]));
}

function objectList(value: Json | undefined): Map<string, Json>[] {
  return (Array.isArray(value) ? value : []).filter((one) => one instanceof Map);
}

/** The images that have to say something else at the target, and what was seen in them. */
function adaptedImages(
  { source, options, changed: before }: PlanInput,
  original: ReadonlyMap<string, Uint8Array>,
  notes: ConversionNote[],
): Map<string, Uint8Array> {
  const images = [...original].filter(([name]) => name === filesImage || isMountImage(name));
  const changed = new Map(images.filter(([name]) => before.includes(name)));
  for (const [name, bytes] of images) {
    const forgetful = name === filesImage && options.target !== 'stasis' ? forgetRootMode(bytes) : undefined;
    if (forgetful) changed.set(name, forgetful);
    if (!isMountImage(name)) continue;
    const external = externalMountsIn(bytes, name);
    notes.push(...hiddenPaths(source, external, options.target), ...programNotes(source, options, external));
    const names = { target: options.target, from: source.program, to: programFor(source, options) };
    const renamed = renameHidden(bytes, name, names);
    if (renamed) changed.set(name, renamed);
  }
  return changed;
}

/** Which program has to restore, and whether it can. */
function programNotes(
  source: ConversionSource,
  options: ConversionOptions,
  external: readonly ExternalMount[],
): ConversionNote[] {
  const about = 'runtime';
  const program = programFor(source, options);
  if (program === undefined) {
    const detail = 'the archive does not tell whether crun or runc made it; the same one has to restore it';
    return [{ kind: 'needed', about, detail }];
  }
  const folders = source.program === 'crun' && program === 'runc' ? foldersHiddenByCrun(external) : [];
  if (folders.length > 0) {
    const detail = `runc cannot restore it: crun hid ${folders.join(', ')} in a way that runc does not know`;
    return [{ kind: 'lost', about, detail }];
  }
  if (options.target === 'stasis' && program === source.program) return [];
  const detail = `${program}; hidden paths have the names that it gives them`;
  return [{ kind: 'needed', about, detail }];
}

/** Members that stay in the archive, where the target does not look for them. */
function leftOver({ source, names, options }: PlanInput, log: string | undefined): ConversionNote[] {
  const notes: ConversionNote[] = [];
  const { target } = options;
  for (const name of names) {
    if (!name.startsWith(memberFolders.volumes) || target === 'podman') continue;
    const volume = name.slice(memberFolders.volumes.length).replace(/\.tar$/, '');
    const detail = `the content of volume ${volume} stays in the archive; unpack it into what is mounted there`;
    notes.push({ kind: 'lost', about: name, detail });
  }
  if (names.includes(memberNames.status) && target !== 'containerd') {
    notes.push({ kind: 'lost', about: memberNames.status, detail: "containerd's own record of the state" });
  }
  if (target === 'cri-o' && log !== undefined) {
    notes.push({ kind: 'changed', about: log, detail: 'CRI-O starts a new log where it is told to' });
  }
  const ip = source.identity.ip || addressOf(source);
  if (ip !== '' && namespaceUse(source.spec, 'network') === 'joined') {
    const detail = `${ip} was the address; connections that are open go on only where the new one is the same`;
    notes.push({ kind: 'changed', about: 'address', detail });
  }
  return notes;
}

function addressOf({ config }: ConversionSource): string {
  const ip = objectIn(new Map([['config', config]]), 'config', memberNames.configDump).get('staticIP');
  return typeof ip === 'string' ? ip : '';
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, at) => byte === b[at]);
}
