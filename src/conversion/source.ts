import type { JsonObject } from '../bytes/go-json.ts';
import { parseGoJson } from '../bytes/go-json.ts';
import { textOf } from '../bytes/text.ts';
import { parseDump } from '../checkpoint/dump-json.ts';
import { type Identity, identityFrom } from '../checkpoint/identity.ts';
import { memberFolders, memberNames } from '../checkpoint/layout.ts';
import { type CaptureFacts, decodeManifest } from '../checkpoint/manifest.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import type { Program } from './conversion.ts';

/** A member in memory, or undefined where it is not there. */
export type ReadSmall = (name: string) => Promise<Uint8Array | undefined>;

/** How the container stood to a kind of namespace: one of its own, one that was given to it, the node's. */
export type NamespaceUse = 'own' | 'joined' | 'node';

/** What an archive says about its container, whoever made it. */
export interface ConversionSource {
  identity: Identity;
  config: JsonObject;
  spec: JsonObject;
  /** CRI's ContainerStatus, where the engine wrote it. */
  status: JsonObject | undefined;
  /** The program that made the images. */
  program: Program | undefined;
  /** What was recorded at capture by archives with digests. */
  capture: CaptureFacts | undefined;
  /** Files of the image that the container had deleted, absolute. */
  deleted: readonly string[];
  labels: ReadonlyMap<string, string>;
}

/** @throws CodedError `not-found` for what is no checkpoint of a container, `corrupt` */
export async function readSource(read: ReadSmall, origin: string): Promise<ConversionSource> {
  const config = await dumpOf(read, memberNames.configDump, origin);
  const spec = await dumpOf(read, memberNames.specDump, origin);
  const status = await read(memberNames.statusDump);
  const manifest = await read(memberNames.manifest);
  const identity = identityFrom(config, spec);
  const parsed = status && parseDump(status, memberNames.statusDump);
  return {
    ...{ identity, config, spec },
    status: parsed,
    program: programOf(identity.runtime) ?? (await programOfImages(read)),
    capture: manifest && decodeManifest(manifest).capture,
    deleted: await deletedOf(read),
    labels: labelsOf(identity, parsed, config),
  };
}

async function dumpOf(read: ReadSmall, name: string, origin: string): Promise<JsonObject> {
  const bytes = await read(name);
  const dump = bytes && exactDump(bytes, name);
  if (dump) return dump;
  throw new CodedError('not-found', `${origin} is no checkpoint of a container: it has no ${name}`, {
    data: { name },
  });
}

/** As `parseDump` reads it, but with the spelling of every number. */
function exactDump(bytes: Uint8Array, name: string): JsonObject | undefined {
  try {
    const value = parseGoJson(bytes);
    if (value instanceof Map) return value;
  } catch (error) {
    throw new CodedError('corrupt', `failed to unmarshal ${name}: ${messageOf(error)}`, { cause: error });
  }
  return parseDump(bytes, name);
}

/** A runtime by its name or path: `runc`, `/usr/local/bin/crun`. containerd names a shim, which says nothing. */
export function programOf(runtime: string): Program | undefined {
  const last = runtime.split('/').at(-1) ?? '';
  if (/^io\.containerd\./.test(last)) return undefined;
  return (/crun/.exec(last) ?? /runc/.exec(last))?.[0] as Program | undefined;
}

/** Both write a list of the descriptors, each with another JSON library. */
async function programOfImages(read: ReadSmall): Promise<Program | undefined> {
  const bytes = await read(`${memberFolders.images}descriptors.json`);
  if (!bytes) return undefined;
  return /\\\/|\n/.test(textOf(bytes).trim()) ? 'crun' : 'runc';
}

async function deletedOf(read: ReadSmall): Promise<string[]> {
  const name = memberNames.deletedFiles;
  const bytes = await read(name);
  if (!bytes) return [];
  const value = parseGoJson(bytes);
  if (value === null) return [];
  const absolute = (path: unknown): path is string => typeof path === 'string' && path.startsWith('/');
  if (Array.isArray(value) && value.every(absolute)) return value;
  throw new CodedError('corrupt', `${name} is no list of absolute paths`, { data: { name } });
}

/** The container's labels, where each engine keeps them. */
function labelsOf(
  { engine, annotations }: Identity,
  status: JsonObject | undefined,
  config: JsonObject,
): ReadonlyMap<string, string> {
  const found = engine === 'CRI-O' ? jsonOf(annotations.get('io.kubernetes.cri-o.Labels')) : undefined;
  const labels = found ?? status?.get('labels') ?? config.get('labels');
  if (!(labels instanceof Map)) return new Map();
  return new Map([...labels].filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}

/** The object in a text that should be one; undefined for all other. */
export function jsonOf(text: string | undefined): JsonObject | undefined {
  try {
    const value = parseGoJson(text ?? '');
    return value instanceof Map ? value : undefined;
  } catch {
    return undefined;
  }
}

/** How the container stood to a kind of namespace, by its specification. */
export function namespaceUse(spec: JsonObject, type: string): NamespaceUse {
  const linux = spec.get('linux');
  const list = linux instanceof Map ? linux.get('namespaces') : undefined;
  for (const one of Array.isArray(list) ? list : []) {
    if (!(one instanceof Map) || one.get('type') !== type) continue;
    return typeof one.get('path') === 'string' && one.get('path') !== '' ? 'joined' : 'own';
  }
  return 'node';
}
