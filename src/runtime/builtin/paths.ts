import { join } from 'node:path';

/**
 * Where the built-in runtime keeps things. Below `root` is what lasts (images, records, the writable layer of
 * each container, exit files); below `state` is what a reboot ends (namespaces, sockets, pid files).
 */
export interface RuntimePaths {
  root: string;
  state: string;
}

/** Everything of one pod that lasts: `record.json`, `hosts`, `hostname`, `resolv.conf`. */
export function sandboxDirectory(paths: RuntimePaths, id: string): string {
  return join(paths.root, 'sandboxes', id);
}

/** What a pod has until it is stopped: `ns/{net,ipc,uts}`, `shm`. */
export function sandboxState(paths: RuntimePaths, id: string): string {
  return join(paths.state, 'sandboxes', id);
}

/** Everything of one container that lasts; at the same time its OCI bundle (`config.json`). */
export function containerDirectory(paths: RuntimePaths, id: string): string {
  return join(paths.root, 'containers', id);
}

/** Pid file, sockets and so on of one running container. */
export function containerState(paths: RuntimePaths, id: string): string {
  return join(paths.state, 'containers', id);
}

/** The folders of a container's root file system. */
export function rootfsDirectories(
  paths: RuntimePaths,
  id: string,
): { merged: string; upper: string; work: string } {
  const base = containerDirectory(paths, id);
  return { merged: join(base, 'rootfs'), upper: join(base, 'upper'), work: join(base, 'work') };
}

/** Where CRIU's images of a container that was made from a checkpoint lie. */
export function restoreDirectory(paths: RuntimePaths, id: string): string {
  return join(containerDirectory(paths, id), 'checkpoint');
}

/** One file by the container's id with its exit status, written by whoever supervises it. */
export function exitDirectory(paths: RuntimePaths): string {
  return join(paths.root, 'exits');
}

/** The OCI runtime's own state (`--root`); runtimes do not read each other's. */
export function runtimeState(paths: RuntimePaths, runtime: string): string {
  return join(paths.state, runtime);
}

/** What CRIU is told at a restore that the runtime has no flag for; there only where it is needed. */
export function criuConfiguration(paths: RuntimePaths, id: string): string {
  return join(containerDirectory(paths, id), 'criu.conf');
}
