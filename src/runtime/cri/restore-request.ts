import { clone, create } from '@bufbuild/protobuf';
import { CodedError } from '../../errors/coded-error.ts';
import {
  type CreateContainerRequest,
  CreateContainerRequestSchema,
  LinuxContainerConfigSchema,
  LinuxContainerSecurityContextSchema,
  MountSchema,
  NamespaceMode,
} from '../../gen/cri/v1/api_pb.ts';

/** What of a checkpoint's specification the request for its container has to repeat. */
export interface ArchivedShape {
  /** Paths that were hidden, and that could not be written to. */
  maskedPaths: readonly string[];
  readonlyPaths: readonly string[];
  /** Where something of the node was mounted. */
  bound: readonly string[];
  /** Whether it shared the process namespace of its pod. */
  sharedProcesses: boolean;
}

/** A file that engines mount for themselves; programs do not depend on what is in it. */
const markers: readonly string[] = ['/run/.containerenv'];

/**
 * The request for a container that continues from `archive`: runtimes make a specification of their own from it,
 * and CRIU wants the one of before in what is hidden and mounted.
 * @throws CodedError `failed-precondition` naming what the request lacks
 */
export function restoreRequest(
  request: CreateContainerRequest,
  archive: string,
  shape: ArchivedShape,
  providedByRuntime: readonly string[],
): CreateContainerRequest {
  const made = clone(CreateContainerRequestSchema, request);
  const config = made.config;
  if (!config?.image) throw new CodedError('invalid-argument', 'the request names no image');
  config.image.image = archive;
  config.linux ??= create(LinuxContainerConfigSchema);
  const security = config.linux.securityContext ?? create(LinuxContainerSecurityContextSchema);
  config.linux.securityContext = security;
  security.maskedPaths = [...shape.maskedPaths];
  security.readonlyPaths = [...shape.readonlyPaths];
  if (shape.sharedProcesses && security.namespaceOptions?.pid !== NamespaceMode.POD) {
    throw new CodedError(
      'failed-precondition',
      'the container shared the process namespace of its pod, and the new pod shares none',
      { hint: 'restore it into a pod with shareProcessNamespace: true' },
    );
  }
  const mounted = new Set([...config.mounts.map(({ containerPath }) => containerPath), ...providedByRuntime]);
  const missing = shape.bound.filter((path) => !mounted.has(path) && !markers.includes(path));
  if (missing.length > 0) {
    throw new CodedError(
      'failed-precondition',
      `the checkpointed container had something of the node mounted at ${missing.join(', ')}, and the new one has not`,
      { hint: `give the new container a mount at ${missing.join(', ')}` },
    );
  }
  for (const containerPath of shape.bound) {
    if (mounted.has(containerPath)) continue;
    const mount = create(MountSchema, { containerPath, hostPath: '/dev/null' });
    config.mounts.push(mount);
  }
  return made;
}
