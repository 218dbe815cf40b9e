import { createHash } from 'node:crypto';
import { parseAllDocuments, type ScalarTag } from 'yaml';
import { CodedError } from '../errors/coded-error.ts';
import { type ConfigObject, decodeConfigObject } from './configuration.ts';
import { podFields } from './manifest-fields.ts';
import { checkReferences } from './manifest-references.ts';
import type { Pod } from './pod.ts';
import { Reading } from './schema.ts';

/** Bytes of a manifest that we are willing to read. */
export const manifestLimit = 3 << 20;

/** Where a manifest was found; the same manifest in the same place on the same node is the same pod. */
export interface ManifestOrigin {
  file: string;
  node: string;
}

/**
 * The pod in a YAML or JSON manifest. A pod without a uid gets one that depends on its content, file and node,
 * so that it is the same after a restart and another one after an edit.
 * @throws CodedError `invalid-argument` whose message lists every field that is refused, by path.
 */
export function parseManifest(content: string, origin: ManifestOrigin): Pod {
  return decodePod(documentIn(content, origin), origin);
}

/** As {@link parseManifest}, where a ConfigMap or Secret is welcome too. */
export function parseManifestFile(
  content: string,
  origin: ManifestOrigin,
): { pod?: Pod; configuration?: ConfigObject } {
  const data = documentIn(content, origin);
  const kind = (data as { kind?: unknown } | null)?.kind;
  if (kind === 'ConfigMap' || kind === 'Secret')
    return { configuration: decodeConfigObject(data, origin.file) };
  return { pod: decodePod(data, origin) };
}

/** `0400` is how Kubernetes' manifests write a mode: octal, as in YAML 1.1. */
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^0[0-7]+$/,
  resolve: (written) => Number.parseInt(written, 8),
};

function documentIn(content: string, origin: ManifestOrigin): unknown {
  const fail = (what: string): never => {
    throw new CodedError('invalid-argument', `reading ${origin.file}: ${what}`);
  };
  const documents = parseAllDocuments(content, {
    uniqueKeys: true,
    version: '1.2',
    customTags: (tags) => [octal, ...tags],
  });
  const list = Array.isArray(documents) ? documents.filter((document) => document.contents !== null) : [];
  const problem = list.flatMap((document) => document.errors)[0];
  if (problem) fail(problem.message.split('\n')[0] ?? 'it is not YAML');
  if (list.length !== 1) fail(`it has ${list.length} documents, one pod is wanted`);
  return list[0]?.toJS({ maxAliasCount: 100 });
}

/** As {@link parseManifest}, of data that is no text any more. */
export function decodePod(data: unknown, origin: ManifestOrigin): Pod {
  const reading = new Reading();
  const read = podFields(data, '', reading);
  if (read) checkReferences(read.spec, reading);
  if (!read || reading.problems.length > 0) {
    const lines = reading.problems.map(({ path, message }) => `${path || 'it'} ${message}`);
    throw new CodedError('invalid-argument', `reading ${origin.file}: ${lines.join('; ')}`);
  }
  const { status: _status, ...kept } = read;
  const metadata = { namespace: 'default', ...kept.metadata };
  return {
    ...kept,
    metadata: { ...metadata, uid: metadata.uid ?? uidOf({ ...kept, metadata }, origin) },
  } as Pod;
}

/** The uid of a pod that comes with none: 32 hexadecimal digits, as the kubelet gives its static pods. */
function uidOf(content: unknown, { file, node }: ManifestOrigin): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([canonical(content), `host:${node}`, `file:${file}`]));
  return hash.digest('hex').slice(0, 32);
}

/** What tells whether a manifest was changed: the same for the same content, wherever it lies. */
export function contentHash({ metadata, spec }: Pod): string {
  const { uid: _uid, ...rest } = metadata;
  return createHash('sha256')
    .update(JSON.stringify(canonical({ metadata: rest, spec })))
    .digest('hex');
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, canonical(member)]));
}
