import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { ArchiveLimits } from '../archive/limits.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { type JsonObject, parseGoJson, printGoJson } from '../bytes/go-json.ts';
import { utf8 } from '../bytes/text.ts';
import type { Checkpoint, Member } from '../checkpoint/checkpoint.ts';
import { managerAnnotation, specAnnotations } from '../checkpoint/engine.ts';
import { filesCheckpoint } from '../checkpoint/from-files.ts';
import { memberNames } from '../checkpoint/layout.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { directoryCheckpoint } from './directory-checkpoint.ts';
import { sha256Of } from './sha256.ts';

export interface BundleOptions {
  /** The bundle that the container was run from. */
  bundle: string;
  /** The container's name; the bundle's where it is left out. */
  name?: string | undefined;
  /** The image that holds its root file system. */
  image?: string | undefined;
  limits: ArchiveLimits;
}

/**
 * What crun or runc left without an engine above them: a folder of CRIU's images, and the bundle, whose
 * specification stands for what engines write beside the images. Of itself, so that nothing is taken for granted
 * that only an engine knows.
 * @throws CodedError `not-found`, `corrupt` for a bundle that cannot be read, `invalid-argument` without an image
 */
export async function bundleCheckpoint(images: string, options: BundleOptions): Promise<Checkpoint> {
  const base = directoryCheckpoint(images, options.limits);
  const described = await describe(options);
  const { files, raw } = await base.members();
  if (!files.some(({ name }) => name.endsWith('/inventory.img'))) {
    throw new CodedError('not-found', `${images} holds no images of CRIU: it has no inventory.img`);
  }
  const added: Member[] = [...described].map(([name, bytes]) => {
    return { name, size: bytes.length, mode: 0o600, mtime: 0 };
  });
  return filesCheckpoint(
    {
      list: async () => ({
        files: [...added, ...files],
        raw: [...added.map((member) => ({ ...member, type: 'file' as const, linkName: '' })), ...raw],
      }),
      async open(member, signal) {
        const bytes = described.get(member.name);
        return bytes ? bytesSource(bytes) : base.open(member.name, signal);
      },
      close: () => base.close(),
    },
    { origin: images, format: 'bundle', limits: options.limits },
  );
}

async function describe({ bundle, name, image }: BundleOptions): Promise<Map<string, Uint8Array>> {
  if (image === undefined) {
    throw new CodedError('invalid-argument', 'a bundle does not tell which image its container runs on', {
      hint: 'make an image of its root file system, and name it with --image',
    });
  }
  const path = join(bundle, 'config.json');
  const spec = await readSpec(path);
  const own = name ?? basename(resolve(bundle));
  const found = spec.get('annotations');
  const annotations: JsonObject = new Map(found instanceof Map ? found : []);
  // The engine that adds nothing of its own.
  annotations.set(managerAnnotation, 'stasis').set(specAnnotations.containerd.containerName, own);
  spec.set('annotations', annotations);
  const text = printGoJson(spec, '  ');
  const created = (await stat(path)).mtime.toISOString();
  const config = {
    id: sha256Of(utf8(`${own}\n${text}`)),
    name: own,
    rootfsImage: image,
    rootfsImageName: image,
    createdTime: created,
  };
  return new Map([
    [memberNames.configDump, utf8(printGoJson(config, '  '))],
    [memberNames.specDump, utf8(text)],
  ]);
}

async function readSpec(path: string): Promise<JsonObject> {
  let text: Uint8Array;
  try {
    text = await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'not-found' : 'internal';
    throw new CodedError(code, `reading the bundle's specification: ${messageOf(error)}`, { cause: error });
  }
  const value = parseGoJson(text);
  if (value instanceof Map) return value;
  throw new CodedError('corrupt', `${path} is no JSON object`);
}
