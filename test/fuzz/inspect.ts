import { bytesSource } from '../../src/bytes/byte-source.ts';
import { concat } from '../../src/bytes/concat.ts';
import { filesCheckpoint } from '../../src/checkpoint/from-files.ts';
import { memberFolders } from '../../src/checkpoint/layout.ts';
import { isCoded } from '../../src/errors/coded-error.ts';
import { coreDump } from '../../src/inspect/core-dump.ts';
import { imagesOf } from '../../src/inspect/images.ts';
import { searchMemory } from '../../src/inspect/memory-search.ts';
import { Problems } from '../../src/inspect/problems.ts';
import { processTree } from '../../src/inspect/process-tree.ts';
import { readSections, sectionNames } from '../../src/inspect/sections.ts';
import { imageFiles, openFixture } from '../fixture-archives.ts';

/** Images one after the other, each after two words: its place in the list of names and its length. */
const names: string[] = [];

function pack(files: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  return concat(
    files.flatMap(([name, bytes]) => {
      if (!names.includes(name)) names.push(name);
      const head = new DataView(new ArrayBuffer(8));
      head.setUint32(0, names.indexOf(name), true);
      head.setUint32(4, bytes.length, true);
      return [new Uint8Array(head.buffer), bytes];
    }),
  );
}

function unpack(bytes: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 8 <= bytes.length; ) {
    const name = names[view.getUint32(at, true) % names.length] ?? '';
    const end = Math.min(bytes.length, at + 8 + view.getUint32(at + 4, true));
    files.set(name, bytes.subarray(at + 8, end));
    at = end;
  }
  return files;
}

/** Looks into a set of images in every way there is: damage becomes a problem or a coded error. */
export async function target(bytes: Uint8Array): Promise<void> {
  const files = unpack(bytes);
  const checkpoint = filesCheckpoint(
    {
      async list() {
        const members = [...files].map(([name, content]) => ({
          name: memberFolders.images + name,
          size: content.length,
          mode: 0o600,
          mtime: 0,
        }));
        return {
          files: members,
          raw: members.map((one) => ({ ...one, type: 'file' as const, linkName: '' })),
        };
      },
      async open({ name }) {
        return bytesSource(files.get(name.slice(memberFolders.images.length)) ?? new Uint8Array());
      },
      async close() {},
    },
    { origin: 'fuzz', format: 'directory' },
  );
  const problems = new Problems();
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!isCoded(error)) throw error;
    }
  };
  await readSections(checkpoint, sectionNames, { problems });
  const images = await imagesOf(checkpoint);
  await attempt(() => processTree(images, { args: true, environment: true, problems }));
  await attempt(async () => {
    for await (const hit of searchMemory(images, { patterns: [{ kind: 'literal', text: 'PATH' }] })) void hit;
  });
  await attempt(async () => {
    const core = await coreDump(images, 1);
    await core.close();
  });
}

export async function seeds(): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for (const archive of [
    'crun-1.28-tasks.tar',
    'crun-1.28-sockets.tar',
    'crun-1.28-files.tar',
    'crun-1.28-memory.tar',
  ]) {
    const checkpoint = await openFixture(archive);
    const files: [string, Uint8Array][] = [];
    for await (const [name, bytes] of imageFiles(checkpoint)) files.push([name, bytes]);
    for (const { name } of (await checkpoint.members()).files) {
      const base = name.slice(memberFolders.images.length);
      const raw = /\/(ifaddr|rule|route)-\d+\.img$/.test(name);
      // Pages are mostly content, which nothing parses: one of the samples has them.
      if (raw || (archive.includes('memory') && name.includes('/pages-'))) {
        files.push([base, await checkpoint.read(name)]);
      }
    }
    await checkpoint.close();
    all.push(pack(files));
  }
  return all;
}
