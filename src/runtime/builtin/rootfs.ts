import { makeDirectories } from '../../localfs/make-directories.ts';
import { isMounted, mountOverlay, unmount } from './mounts.ts';
import { containerDirectory, type RuntimePaths, rootfsDirectories } from './paths.ts';

/**
 * Puts a container's root file system together: the image's layers, never written to, below a layer of its
 * own. Mounted already is fine: it lasts over a restart of this process, and is made again after a reboot.
 */
export async function mountRootfs(
  paths: RuntimePaths,
  id: string,
  layers: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const { merged, upper, work } = rootfsDirectories(paths, id);
  // Its owner and mode become those of the container's `/`; the folder around it keeps others out. The mode is
  // the one that Podman and CRI-O give theirs: CRIU insists on the same where it restores.
  await makeDirectories(upper, 0o555);
  for (const folder of [merged, work]) await makeDirectories(folder, 0o755);
  if (await isMounted(merged)) return;
  await mountOverlay(
    { layers: layers.length > 0 ? layers : [await emptyLayer(paths, id)], upper, work, merged },
    signal,
  );
}

/** An image may have no layer at all; overlayfs needs one. */
async function emptyLayer(paths: RuntimePaths, id: string): Promise<string> {
  const folder = `${containerDirectory(paths, id)}/empty`;
  await makeDirectories(folder, 0o755);
  return folder;
}

/** Takes it apart; the container's own layer stays. */
export async function unmountRootfs(paths: RuntimePaths, id: string): Promise<void> {
  await unmount(rootfsDirectories(paths, id).merged);
  // A restore that was killed leaves the place where CRIU was to find the root.
  await unmount(`${containerDirectory(paths, id)}/criu-root`);
}
