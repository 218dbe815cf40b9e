import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeImage } from '../../criu/encode.ts';
import { decodeImage, type ImageEntry } from '../../criu/image.ts';
import { kindOfFile } from '../../criu/magic.ts';
import { decodePagemap, pageSizeOf } from '../../criu/pagemap.ts';
import { CodedError } from '../../errors/coded-error.ts';
import type { FileEntry } from '../../gen/criu/files.ts';
import { MntEntry } from '../../gen/criu/namespaces.ts';

/** No image but the pages is longer than this. */
const longestImage = 256 << 20;

/**
 * Looks at CRIU's images before CRIU does, because CRIU checks little: with too few pages it waits for ever.
 * Every image must decode, and every pagemap must name exactly the pages that its pages file holds.
 * @throws CodedError `corrupt` naming the file.
 */
export async function checkImages(folder: string): Promise<void> {
  const names = new Set(await readdir(folder));
  for (const name of names) {
    if (/^pagemap-.*\.img$/.test(name)) await checkPagemap(folder, name, names);
    else if (name.endsWith('.img') && isDecodable(name)) {
      const { size } = await stat(join(folder, name));
      if (size > longestImage) throw new CodedError('resource-exhausted', `${name} has ${size} bytes`);
      decodeImage(await readFile(join(folder, name)), name);
    }
  }
}

/** Raw images (pages, rules, compressed trees) have no form that could be checked. */
function isDecodable(name: string): boolean {
  return kindOfFile(name) !== undefined;
}

async function checkPagemap(folder: string, name: string, names: ReadonlySet<string>): Promise<void> {
  const pagemap = decodePagemap(await readFile(join(folder, name)), name);
  if (pagemap.presentPages === 0) return;
  const pages = `pages-${pagemap.pagesId}.img`;
  if (!names.has(pages)) {
    throw new CodedError('corrupt', `${pages} is missing: ${name} has ${pagemap.presentPages} pages in it`, {
      data: { name: pages },
    });
  }
  const { size } = await stat(join(folder, pages));
  if (pageSizeOf(pagemap, size) !== undefined) return;
  throw new CodedError(
    'corrupt',
    `${pages} has ${size} bytes, which is not what the ${pagemap.presentPages} pages of ${name} need: it was cut off or altered`,
    { data: { name: pages } },
  );
}

/** A mount of the checkpoint whose content comes from outside of it. */
export interface ExternalMount {
  /** Where it was mounted in the container. */
  mountpoint: string;
  /** The name by which the runtime told CRIU of it. */
  key: string;
}

/** The mounts that a restore must provide. */
export async function externalMounts(folder: string): Promise<ExternalMount[]> {
  const found: ExternalMount[] = [];
  for (const name of await mountImages(folder)) {
    for (const entry of decodeImage(await readFile(join(folder, name)), name).entries) {
      const { mountpoint, ext_key: key } = entry.message as MntEntry;
      if (key !== undefined && key !== '') found.push({ mountpoint, key });
    }
  }
  return found;
}

/**
 * Gives external mounts other names, where the runtime that restores uses others than the one that saved.
 * @param rename The new name, or the same one.
 */
export async function renameExternalMounts(folder: string, rename: (key: string) => string): Promise<void> {
  for (const name of await mountImages(folder)) {
    const path = join(folder, name);
    const image = decodeImage(await readFile(path), name);
    let changed = false;
    const entries = image.entries.map((entry): ImageEntry => {
      const message = entry.message as MntEntry;
      const key = message.ext_key;
      const next = key === undefined || key === '' ? key : rename(key);
      if (next === undefined || next === key) return entry;
      changed = true;
      return { ...entry, type: MntEntry, message: { ...message, ext_key: next } };
    });
    if (changed) await writeFile(path, encodeImage({ ...image, entries }));
  }
}

async function mountImages(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => /^mountpoints-\d+\.img$/.test(name));
}

/** Permission bits of the container's root folder, where a process had it open: CRIU insists on the same. */
export async function rootMode(folder: string): Promise<number | undefined> {
  const bytes = await readFile(join(folder, 'files.img')).catch(() => undefined);
  if (bytes === undefined) return undefined;
  for (const { message } of decodeImage(bytes, 'files.img').entries) {
    const { reg } = message as FileEntry;
    if (reg?.name === '/' && reg.mode !== undefined) return reg.mode & 0o7777;
  }
  return undefined;
}
