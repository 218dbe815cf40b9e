import { join } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import type { OciMount, OciNamespace, OciSpec } from './oci-spec.ts';
import { namespaceToBeMade } from './pid-namespace.ts';

export interface RestoreSpecOptions {
  /** What this runtime would run the container with. */
  own: OciSpec;
  /** What it was run with. */
  archived: OciSpec;
  /** A private folder of the container, for files that other engines mount and nobody else has. */
  folder: string;
}

export interface RestoreSpec {
  spec: OciSpec;
  /** Files to be made, empty, before the start. */
  emptyFiles: string[];
  notes: string[];
}

/** File systems that the kernel makes by itself; their mounts mean the same everywhere. */
const kernelTypes: readonly string[] = ['proc', 'tmpfs', 'devpts', 'mqueue', 'sysfs', 'cgroup', 'cgroup2'];

/** Files that engines mount for themselves; programs do not depend on what is in them. */
const enginesOwn: readonly string[] = ['/run/.containerenv', '/run/secrets', '/dev/termination-log'];

/**
 * The specification with which the images of another container can be restored here. CRIU wants the same
 * mounts, hidden paths and kinds of namespaces as at the checkpoint, so these come from the archive; where
 * anything of this machine is meant (sources of mounts, namespaces to join, the cgroup, the root), it is the new
 * container's.
 * @throws CodedError `failed-precondition` naming the mount that the new container lacks, `unsupported`.
 */
export function restoreSpec({ own, archived, folder }: RestoreSpecOptions): RestoreSpec {
  const notes: string[] = [];
  const emptyFiles: string[] = [];
  const mounts = (archived.mounts ?? []).map((mount) => rewired(mount, own, folder, emptyFiles));
  const { maskedPaths, readonlyPaths, devices } = archived.linux;
  const spec: OciSpec = {
    ...own,
    process: { ...archived.process, ...keptOfOwn(own) },
    root: { path: own.root.path, readonly: archived.root?.readonly === true },
    mounts,
    linux: {
      namespaces: joined(archived.linux.namespaces, own.linux.namespaces, notes),
      cgroupsPath: own.linux.cgroupsPath,
      ...(own.linux.resources && { resources: own.linux.resources }),
      ...(devices && { devices }),
      ...(maskedPaths && { maskedPaths }),
      ...(readonlyPaths && { readonlyPaths }),
    },
  };
  if (!spec.linux.namespaces.some(({ type, path }) => type === 'uts' && path === undefined))
    delete spec.hostname;
  return { spec, emptyFiles, notes };
}

/** What a machine may not allow is taken as the new container has it. */
function keptOfOwn(own: OciSpec): Pick<OciSpec['process'], 'oomScoreAdj'> {
  const { oomScoreAdj } = own.process;
  return oomScoreAdj === undefined ? {} : { oomScoreAdj };
}

function rewired(mount: OciMount, own: OciSpec, folder: string, emptyFiles: string[]): OciMount {
  const { destination, type = 'bind', options = [] } = mount;
  if (type !== 'bind') {
    if (kernelTypes.includes(type)) return mount;
    throw new CodedError('unsupported', `the checkpoint has a mount of type ${type} at ${destination}`);
  }
  const same = own.mounts.find((each) => each.destination === destination && each.type === 'bind');
  if (same !== undefined) return { ...same, options: same.options ?? options };
  if (enginesOwn.includes(destination)) {
    const source = join(folder, `mount-${destination.replaceAll('/', '_')}`);
    emptyFiles.push(source);
    return { destination, type: 'bind', source, options: ['bind', 'rprivate'] };
  }
  throw new CodedError(
    'failed-precondition',
    `the checkpointed container had ${mount.source ?? 'something'} mounted at ${destination}, and the new one has nothing there`,
    { data: { destination }, hint: `give the container a mount at ${destination}` },
  );
}

/** A namespace that was joined is joined again, the new pod's; one of the container's own is made anew. */
function joined(
  archived: readonly OciNamespace[],
  own: readonly OciNamespace[],
  notes: string[],
): OciNamespace[] {
  const list = archived.map((namespace): OciNamespace => {
    const mine = own.find(({ type }) => type === namespace.type)?.path;
    if (namespace.path === undefined || namespace.path === '') {
      if (mine !== undefined) {
        notes.push(`the container keeps a ${namespace.type} namespace of its own, as at its checkpoint`);
      }
      return { type: namespace.type };
    }
    if (mine !== undefined) return { type: namespace.type, path: mine };
    if (namespace.type === 'pid') {
      notes.push('the container shared the process namespace of its pod; it now has one like it for itself');
      return { type: 'pid', path: namespaceToBeMade };
    }
    throw new CodedError(
      'failed-precondition',
      `the checkpointed container used its pod's ${namespace.type} namespace, and the new pod has none of its own`,
      { hint: 'restore into a pod that is not on the network or the IPC namespace of the node' },
    );
  });
  for (const { type, path } of own) {
    const known = archived.some((each) => each.type === type);
    if (known || path === undefined) continue;
    notes.push(`the container uses the node's ${type} namespace, as at its checkpoint`);
  }
  return list;
}
