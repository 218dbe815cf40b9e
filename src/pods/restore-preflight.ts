import { readFile } from 'node:fs/promises';
import { type Checkpoint, readIfPresent } from '../checkpoint/checkpoint.ts';
import { parseDump } from '../checkpoint/dump-json.ts';
import { memberNames } from '../checkpoint/layout.ts';
import { isBind, providedMounts } from '../conversion/mounts.ts';
import { namespaceUse } from '../conversion/source.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { FileEntry } from '../gen/criu/files.ts';
import { imagesOf } from '../inspect/images.ts';
import { Problems } from '../inspect/problems.ts';
import { type Need, restoreNeeds } from '../inspect/restore-needs.ts';
import type { Container, Pod } from './pod.ts';

/** Says of each need whether this node meets it. */
export type CompareWithNode = (
  needs: readonly Need[],
  signal: AbortSignal,
) => Promise<readonly (Need & { node: { met: 'yes' | 'no' | 'unknown'; found: string } })[]>;

export interface PreflightOptions {
  compare: CompareWithNode;
  /** Sees to it that an image is here. */
  ensureImage(container: Container, signal: AbortSignal): Promise<void>;
  signal: AbortSignal;
}

/** What can be told before anything is made. The image is looked for by its own names, mounts by their paths. */
const compared: readonly Need['kind'][] = [
  'machine',
  'processor',
  'criu',
  'criu plugin',
  'device',
  'security module',
];

/**
 * Looks for everything that the restore of a container would need and that is not here, before it is begun.
 * @throws CodedError `failed-precondition` naming all of it
 */
export async function preflight(
  checkpoint: Checkpoint,
  pod: Pod,
  container: Container,
  options: PreflightOptions,
): Promise<void> {
  const missing = await lacking(checkpoint, pod, container, options);
  if (missing.length === 0) return;
  throw new CodedError(
    'failed-precondition',
    `restoring ${checkpoint.origin}: this node lacks ${missing.length === 1 ? '' : `${missing.length} things: `}${missing.join('; ')}`,
    { hint: 'nothing was started; stasis verify --against-node shows all that is needed' },
  );
}

/** Everything that the restore of a container would need and that is not here. */
export async function lacking(
  checkpoint: Checkpoint,
  pod: Pod,
  container: Container,
  options: PreflightOptions,
): Promise<string[]> {
  const { compare, signal } = options;
  const needs = await restoreNeeds(checkpoint, await imagesOf(checkpoint), new Problems());
  const asked = needs.filter(({ kind }) => compared.includes(kind));
  const unmet = (await compare(asked, signal)).filter(({ node }) => node.met === 'no');
  return [
    ...unmet.map(({ kind, what, node }) => `${kind} ${what} (here: ${node.found})`),
    ...(await missingImage(needs, container, options)),
    ...(await missingMounts(checkpoint, container)),
    ...(pod.spec.hostNetwork ? await takenPorts(checkpoint) : []),
  ];
}

async function missingImage(
  needs: readonly Need[],
  container: Container,
  { compare, ensureImage, signal }: PreflightOptions,
): Promise<string[]> {
  const need = needs.find(({ kind }) => kind === 'image');
  const [found] = need ? await compare([need], signal) : [];
  if (found?.node.met === 'yes') return [];
  try {
    await ensureImage(container, signal);
    return [];
  } catch (error) {
    signal.throwIfAborted();
    return [`image ${need?.what ?? container.image} (${messageOf(error)})`];
  }
}

async function missingMounts(checkpoint: Checkpoint, container: Container): Promise<string[]> {
  const bytes = await readIfPresent(checkpoint, memberNames.specDump);
  const mounts = bytes && parseDump(bytes, memberNames.specDump)?.get('mounts');
  const given = new Set([
    ...providedMounts('stasis'),
    ...(container.volumeMounts ?? []).map(({ mountPath }) => mountPath),
  ]);
  return (Array.isArray(mounts) ? mounts : []).flatMap((mount) => {
    if (!(mount instanceof Map) || !isBind(mount)) return [];
    const destination = String(mount.get('destination') ?? '');
    if (given.has(destination)) return [];
    return [`mount at ${destination} (it was ${String(mount.get('source') ?? 'something')} of the old node)`];
  });
}

const tcp = 6;
const listening = 10;

/** Ports that the container listens on and that somebody on the node has: it shares the node's network. */
async function takenPorts(checkpoint: Checkpoint): Promise<string[]> {
  const files = await (await imagesOf(checkpoint)).messages('files.img', FileEntry);
  const wanted = new Set(
    files.flatMap(({ isk }) => (isk?.proto === tcp && isk.state === listening ? [isk.src_port] : [])),
  );
  if (wanted.size === 0) return [];
  const taken = new Set([...(await listeningPorts('tcp')), ...(await listeningPorts('tcp6'))]);
  return [...wanted].filter((port) => taken.has(port)).map((port) => `TCP port ${port} (it is in use)`);
}

async function listeningPorts(table: 'tcp' | 'tcp6'): Promise<number[]> {
  const text = await readFile(`/proc/net/${table}`, 'utf8').catch(() => '');
  return [...text.matchAll(/^ *\d+: [0-9A-F]+:([0-9A-F]{4}) \S+ 0A /gm)].map(([, port = '']) =>
    Number.parseInt(port, 16),
  );
}

/** How the container stood to its pod, as far as the archive tells: what a new pod has to be for it. */
export async function sharedWithPod(
  checkpoint: Checkpoint,
): Promise<Pick<Pod['spec'], 'hostNetwork' | 'shareProcessNamespace'>> {
  const bytes = await readIfPresent(checkpoint, memberNames.specDump);
  const spec = bytes && parseDump(bytes, memberNames.specDump);
  if (!spec) return {};
  return {
    ...(namespaceUse(spec, 'network') === 'node' ? { hostNetwork: true } : {}),
    ...(namespaceUse(spec, 'pid') === 'joined' ? { shareProcessNamespace: true } : {}),
  };
}
