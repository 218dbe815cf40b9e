import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, messageOf } from '../../errors/coded-error.ts';

/** Where specifications lie: those of an administrator, and over them those that programs write. */
export const cdiDirectories: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

/** Largest file that is read, in bytes, and how many of a folder. */
const largestFile = 4 << 20;
const mostFiles = 1000;

/** What using a device changes about a container; names are those of the Container Device Interface. */
export interface ContainerEdits {
  env?: string[];
  deviceNodes?: CdiDeviceNode[];
  mounts?: CdiMount[];
  hooks?: CdiHook[];
  additionalGids?: number[];
}

export interface CdiMount {
  hostPath: string;
  containerPath: string;
  type?: string;
  options?: string[];
}

export interface CdiHook {
  hookName: string;
  path: string;
  args?: string[];
  env?: string[];
  /** Seconds. */
  timeout?: number;
}

export interface CdiDeviceNode {
  path: string;
  hostPath?: string;
  type?: string;
  major?: number;
  minor?: number;
  fileMode?: number;
  permissions?: string;
  uid?: number;
  gid?: number;
}

interface CdiSpec {
  file: string;
  kind: string;
  devices: Map<string, ContainerEdits>;
  edits: ContainerEdits;
}

/**
 * What the devices with these full names (`vendor.com/class=name`) change, in order: what is common to a file's
 * devices once, then each device.
 * @throws CodedError `not-found` naming those that no file describes, or that two of one folder do
 */
export async function cdiEdits(
  names: readonly string[],
  directories: readonly string[] = cdiDirectories,
): Promise<ContainerEdits[]> {
  if (names.length === 0) return [];
  const { specs, problems } = await readSpecs(directories);
  const edits: ContainerEdits[] = [];
  const unresolved: string[] = [];
  const begun = new Set<CdiSpec>();
  for (const full of names) {
    const { kind, name } = split(full);
    const spec = resolve(specs, kind, name);
    const device = spec?.devices.get(name);
    if (!spec || !device) unresolved.push(full);
    else {
      if (!begun.has(spec)) edits.push(spec.edits);
      begun.add(spec);
      edits.push(device);
    }
  }
  if (unresolved.length === 0) return edits;
  throw new CodedError(
    'not-found',
    `CDI device injection failed: unresolvable CDI devices ${unresolved.join(', ')}`,
    { hint: [`looked in ${directories.join(' and ')}`, ...problems].join('; ') },
  );
}

function split(full: string): { kind: string; name: string } {
  const at = full.indexOf('=');
  return { kind: full.slice(0, Math.max(0, at)), name: full.slice(at + 1) };
}

/** The last folder that knows the device says what it is; two files of it that do are a conflict. */
function resolve(specs: readonly (readonly CdiSpec[])[], kind: string, name: string): CdiSpec | undefined {
  for (const folder of specs.toReversed()) {
    const found = folder.filter((spec) => spec.kind === kind && spec.devices.has(name));
    if (found.length > 0) return found.length === 1 ? found[0] : undefined;
  }
  return undefined;
}

/** The specifications of each folder. A file that is none is told, and left out. */
async function readSpecs(
  directories: readonly string[],
): Promise<{ specs: CdiSpec[][]; problems: string[] }> {
  const problems: string[] = [];
  const specs: CdiSpec[][] = [];
  for (const directory of directories) {
    const names = (await readdir(directory).catch(() => [])).filter((name) => /\.(json|ya?ml)$/.test(name));
    const folder: CdiSpec[] = [];
    for (const name of names.sort().slice(0, mostFiles)) {
      const file = join(directory, name);
      try {
        folder.push(specOf(file, await parsed(file)));
      } catch (error) {
        problems.push(`${file} is left out: ${messageOf(error)}`);
      }
    }
    specs.push(folder);
  }
  return { specs, problems };
}

async function parsed(file: string): Promise<unknown> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    if (size > largestFile)
      throw new CodedError('resource-exhausted', `it has more than ${largestFile} bytes`);
    const text = await handle.readFile('utf8');
    if (file.endsWith('.json')) return JSON.parse(text);
    const { parse } = await import('yaml');
    return parse(text, { maxAliasCount: 10 });
  } finally {
    await handle.close();
  }
}

function specOf(file: string, value: unknown): CdiSpec {
  const { kind, devices, containerEdits } = record(value, 'it');
  if (typeof kind !== 'string' || !/^[a-zA-Z][\w.-]*\/[a-zA-Z][\w.-]*$/.test(kind)) {
    throw new CodedError('corrupt', 'it has no kind such as vendor.com/class');
  }
  if (!Array.isArray(devices)) throw new CodedError('corrupt', 'it has no list of devices');
  const known = new Map<string, ContainerEdits>();
  for (const item of devices) {
    const device = record(item, 'a device');
    if (typeof device['name'] !== 'string') throw new CodedError('corrupt', 'a device has no name');
    known.set(device['name'], editsOf(device['containerEdits'], `device ${device['name']}`));
  }
  return { file, kind, devices: known, edits: editsOf(containerEdits, 'all devices') };
}

/** Edits whose members have the types that they should have, and no others. */
function editsOf(value: unknown, whose: string): ContainerEdits {
  if (value === undefined || value === null) return {};
  const edits = record(value, `containerEdits of ${whose}`);
  const list = (name: string): unknown[] => {
    const found = edits[name] ?? [];
    if (Array.isArray(found)) return found;
    throw new CodedError('corrupt', `${name} of ${whose} is no list`);
  };
  for (const name of ['intelRdt', 'netDevices']) {
    if (edits[name] !== undefined)
      throw new CodedError('unsupported', `${name} of ${whose} is not supported`);
  }
  // Members that must be there are looked at; what the others hold the OCI runtime looks at.
  const has = <T>(name: string, ...texts: string[]): T[] =>
    list(name).map((item) => {
      const found = record(item, `an item of ${name} of ${whose}`);
      const missing = texts.find((text) => typeof found[text] !== 'string');
      if (missing) throw new CodedError('corrupt', `an item of ${name} of ${whose} has no ${missing}`);
      return found as T;
    });
  return {
    env: list('env').map(String),
    deviceNodes: has<CdiDeviceNode>('deviceNodes', 'path'),
    mounts: has<CdiMount>('mounts', 'hostPath', 'containerPath'),
    hooks: has<CdiHook>('hooks', 'hookName', 'path'),
    additionalGids: list('additionalGids').map(Number),
  };
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new CodedError('corrupt', `${what} is no object`);
}
