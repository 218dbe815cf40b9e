import { mostMembers } from './archive-shapes.ts';
import {
  count,
  exactly,
  flag,
  listOf,
  oneOf,
  open,
  path,
  refer,
  type Schema,
  text,
  typed,
} from './schema-words.ts';

/** The shapes in `archive-shapes.ts` as JSON Schema, and those of what the command line prints. */

const place = { 'container?': text, 'in?': text, 'rootfs?': flag };

export const archiveSchemas = {
  VerdictList: listOf(
    open({
      path: text,
      members: count,
      bytes: count,
      digests: flag,
      ok: flag,
      findings: listOf(
        exactly({ severity: oneOf('error', 'warning'), check: text, about: text, detail: text }),
      ),
      needs: listOf({ type: 'object' }),
    }),
  ),
  MemberList: listOf({
    anyOf: [exactly({ name: text, type: text, size: count, mode: text, 'link_name?': text }), text],
  }),
  MembersRequest: exactly({
    members: { type: 'array', minItems: 1, maxItems: mostMembers, items: text },
    ...place,
  }),
  Difference: { type: ['object', 'array'] },
  MemorySizes: listOf(
    exactly({
      path: text,
      processes: listOf(
        exactly({ pid: count, process_name: text, memory_size: count, shared_memory_size: count }),
      ),
    }),
  ),
  ConvertRequest: exactly({
    to: oneOf('containerd', 'cri-o', 'podman', 'stasis'),
    'container?': text,
    'runtime?': oneOf('crun', 'runc'),
    'image?': { type: 'string', maxLength: 1000 },
    'imageId?': { type: 'string', pattern: '^(sha256:)?[0-9a-f]{64}$' },
    'name?': { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}$' },
    'pod?': flag,
    'mounts?': { type: 'object', additionalProperties: path },
    'compress?': oneOf('none', 'gzip', 'zstd'),
  }),
  EditRequest: exactly({
    'ports?': {
      type: 'object',
      propertyNames: { pattern: '^[1-9][0-9]{0,4}$' },
      additionalProperties: { type: 'integer', minimum: 1, maximum: 65535 },
    },
    'annotations?': { type: 'object', additionalProperties: { type: ['string', 'null'] } },
    'image?': { type: 'string', maxLength: 1000 },
  }),
  InsertResult: exactly({
    ...typed('InsertResult'),
    pods: listOf(exactly({ namespace: text, name: text, sandboxId: text })),
  }),
  MadeArchive: exactly({
    ...typed('MadeArchive'),
    checkpoint: refer('Checkpoint'),
    of: text,
    notes: listOf(exactly({ kind: oneOf('lost', 'changed', 'needed'), about: text, detail: text })),
  }),
} as const satisfies Record<string, Schema>;
