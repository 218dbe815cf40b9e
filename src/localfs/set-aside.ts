import { link, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncDirectory, writeFileAtomic } from './atomic-file.ts';
import { withDirectoryLock } from './directory-lock.ts';

/** Why a file was set aside; it stands in the name. */
export type SetAsideReason = 'corrupt' | 'repaired' | 'converted' | 'reset';

/** Folders whose files are keys of a listing: a visible stranger there would be taken for one of them. */
const listed = /(?:\/sandbox|\/device-plugins)$/;

/**
 * Replaces the file at `path` (removes it, without `bytes`), after it has got a second name that says why and
 * when: `cpu_manager_state.corrupt-20260131T235959Z`. At no moment is the old content gone.
 * @returns the path of what was set aside.
 */
export async function replaceSettingAside(
  path: string,
  bytes: Uint8Array | undefined,
  reason: SetAsideReason,
  now: Date,
): Promise<string> {
  return withDirectoryLock(dirname(path), async () => {
    const aside = await secondName(path, reason, now);
    await syncDirectory(dirname(path));
    if (bytes) await writeFileAtomic(path, bytes);
    else {
      await unlink(path);
      await syncDirectory(dirname(path));
    }
    return aside;
  });
}

async function secondName(path: string, reason: SetAsideReason, now: Date): Promise<string> {
  const directory = dirname(path);
  const time = now.toISOString().replace(/[-:]|\.[0-9]+/g, '');
  const hidden = listed.test(directory) ? '.' : '';
  for (let count = 1; ; count++) {
    const more = count === 1 ? '' : `-${count}`;
    const aside = join(directory, `${hidden}${basename(path)}.${reason}-${time}${more}`);
    try {
      await link(path, aside);
      return aside;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
