import { stat } from 'node:fs/promises';
import type { ByteSource } from '../bytes/byte-source.ts';
import { buildIdOf } from '../inspect/build-id.ts';
import type { MappedFile } from '../inspect/mapped-files.ts';
import { openFileSource } from '../localfs/file-source.ts';
import { rootedPath } from '../localfs/rooted-path.ts';
import { UsageError } from './command.ts';
import type { Console } from './console.ts';
import { printable, quote } from './output/escape.ts';

/**
 * Opens mapped files below a folder that stands for the container's root. Links lead nowhere else. A file that is not
 * the one that was mapped, by its size or its build id, is said and left out.
 */
export async function systemRoot(
  folder: string,
  console: Console,
): Promise<(file: MappedFile) => Promise<ByteSource | undefined>> {
  if (!(await stat(folder)).isDirectory()) throw new UsageError(`--sysroot ${quote(folder)} is no directory`);
  const warn = (text: string): void => console.err.write(`Warning: ${text}\n`);
  return async (file) => {
    const name = `${printable(file.path)} in ${printable(folder)}`;
    const source = await openFileSource(await rootedPath(folder, file.path)).catch((error: unknown) => {
      const { code = error instanceof Error ? error.message : String(error) } =
        error as NodeJS.ErrnoException;
      warn(`${name}: ${code === 'ENOENT' ? 'there is no such file' : printable(code)}`);
    });
    if (!source) return undefined;
    const found = await differenceOf(source, file).catch(async (error: unknown) => {
      await source.close();
      throw error;
    });
    if (found === undefined) return source;
    await source.close();
    warn(`${name} is not the file that was mapped: ${found}`);
    return undefined;
  };
}

async function differenceOf(source: ByteSource, file: MappedFile): Promise<string | undefined> {
  if (file.size !== undefined && file.size !== source.size) {
    return `it has ${source.size} bytes, the other had ${file.size}`;
  }
  if (file.buildId === undefined) return undefined;
  const buildId = await buildIdOf(source);
  return buildId === file.buildId
    ? undefined
    : `its build id is ${buildId ?? 'missing'}, the other's was ${file.buildId}`;
}
