import type { Json, JsonObject } from '../bytes/go-json.ts';
import type { ConversionNote, ConversionOptions, Target } from './conversion.ts';
import { engineNames } from './conversion.ts';
import type { ConversionSource } from './source.ts';

/** A mount whose content came from outside of the container, as CRIU's images have it. */
export interface ExternalMount {
  /** Where it was mounted in the container. */
  mountpoint: string;
  /** The name by which the program that runs the container told CRIU of it. */
  key: string;
}

/** What each engine mounts by itself into every container. */
const mountedByEngine: Readonly<Record<Target, readonly string[]>> = {
  containerd: ['/dev/shm', '/etc/hostname', '/etc/hosts', '/etc/resolv.conf'],
  'cri-o': ['/dev/shm', '/etc/hostname', '/etc/resolv.conf', '/run/.containerenv', '/run/secrets'],
  podman: [
    '/dev/shm',
    '/etc/hostname',
    '/etc/hosts',
    '/etc/resolv.conf',
    '/run/.containerenv',
    '/run/secrets',
  ],
  stasis: [
    '/dev/shm',
    '/dev/termination-log',
    '/etc/hostname',
    '/etc/hosts',
    '/etc/resolv.conf',
    '/run/.containerenv',
    '/run/secrets',
  ],
};

/** Where the target mounts something by itself. */
export function providedMounts(target: Target): readonly string[] {
  return mountedByEngine[target];
}

/** The mounts of `spec.dump` for the target, and what has to be there for them. */
export function targetMounts(
  source: ConversionSource,
  options: ConversionOptions,
  notes: ConversionNote[],
): JsonObject[] {
  const { target, mounts = new Map<string, string>() } = options;
  const list = source.spec.get('mounts');
  const made: JsonObject[] = [];
  const used = new Set<string>();
  for (const mount of Array.isArray(list) ? list : []) {
    if (!(mount instanceof Map)) continue;
    const destination = text(mount.get('destination'));
    const own = mountedByEngine[target].includes(destination);
    // Podman makes these for every container that it restores, and takes what is given for the user's.
    if (own && target === 'podman') continue;
    const given = mounts.get(destination);
    if (given !== undefined) used.add(destination);
    made.push(given === undefined ? mount : new Map([...mount, ['source', given]]));
    if (!own && isBind(mount))
      notes.push(neededMount(destination, given ?? text(mount.get('source')), target));
  }
  for (const destination of mounts.keys()) {
    if (used.has(destination)) continue;
    const detail = 'a source was given for it, and nothing was mounted there';
    notes.push({ kind: 'changed', about: destination, detail });
  }
  return made;
}

function neededMount(destination: string, source: string, target: Target): ConversionNote {
  const detail =
    target === 'podman'
      ? `${source} on the node is mounted there; name another source with --mount ${destination}=SOURCE`
      : `the new container needs a mount there; it was ${source} on the old node`;
  return { kind: 'needed', about: destination, detail };
}

export function isBind(mount: JsonObject): boolean {
  const options = mount.get('options');
  const bound = Array.isArray(options) && options.some((option) => option === 'bind' || option === 'rbind');
  return mount.get('type') === 'bind' || bound;
}

/** `bind.mounts`, by which CRI-O makes what mounts are put on. */
export function bindMountsOf(mounts: readonly JsonObject[], recorded: ReadonlyMap<string, JsonObject>): Json {
  const skipped: readonly string[] = ['/dev/shm', '/run/.containerenv', '/run/secrets'];
  return mounts.filter(isBind).flatMap((mount): Json[] => {
    const destination = text(mount.get('destination'));
    if (skipped.includes(destination)) return [];
    const known = recorded.get(destination);
    const isFile = /^\/etc\/[^/]+$|^\/dev\/termination-log$/.test(destination);
    const type = known?.get('file_type') ?? (isFile ? 'file' : 'directory');
    const mode = known?.get('permissions') ?? (type === 'file' ? 0o644 : 0o755);
    const entry: JsonObject = new Map<string, Json>();
    entry.set('source', mount.get('source') ?? '').set('destination', destination);
    return [entry.set('file_type', type).set('permissions', mode)];
  });
}

/**
 * What the target's user has to hide, so that a restore finds the mounts by which it was hidden: through the
 * CRI the request says what is hidden, and the images say what was.
 */
export function hiddenPaths(
  source: ConversionSource,
  external: readonly ExternalMount[],
  target: Target,
): ConversionNote[] {
  if (target === 'podman' || target === 'stasis') return [];
  const linux = source.spec.get('linux');
  const masked = linux instanceof Map ? linux.get('maskedPaths') : undefined;
  const listed = new Set(Array.isArray(masked) ? masked.map(text) : []);
  const hidden = external.map(({ mountpoint }) => mountpoint).filter((path) => listed.has(path));
  if (hidden.length === 0) return [];
  const detail = `the request to ${engineNames[target]} must hide exactly what was hidden: masked_paths with ${hidden.join(', ')}`;
  return [{ kind: 'needed', about: 'masked_paths', detail }];
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
