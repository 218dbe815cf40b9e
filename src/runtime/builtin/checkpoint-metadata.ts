import { readFile, stat } from 'node:fs/promises';
import { arch, release } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '../../bytes/text.ts';
import type { CaptureFacts } from '../../checkpoint/manifest.ts';
import { CodedError } from '../../errors/coded-error.ts';
import type { Captured, CaptureTarget } from './checkpoint-capture.ts';
import { criuFacts } from './criu.ts';
import type { CriuOptions } from './oci-runtime.ts';
import type { OciSpec } from './oci-spec.ts';
import { containerDirectory, type RuntimePaths } from './paths.ts';

/** The OCI specification that a container of this runtime was made from. */
export async function readSpec(paths: RuntimePaths, id: string): Promise<OciSpec> {
  const path = join(containerDirectory(paths, id), 'config.json');
  try {
    return JSON.parse(await readFile(path, 'utf8')) as OciSpec;
  } catch (error) {
    throw new CodedError('internal', `reading ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** What Go writes for a time that never was. */
const never = '0001-01-01T00:00:00Z';

/** `config.dump`: what every tool reads to say whose checkpoint it is. */
export function configDump({ target, frozenAt }: Captured): Uint8Array {
  const { container, sandbox, oci } = target;
  const pod = sandbox.config.metadata;
  const own = container.config.metadata;
  const name = [own?.name, pod?.name, pod?.namespace, pod?.uid, own?.attempt ?? 0].join('_');
  return json({
    id: container.id,
    name: `k8s_${name}`,
    rootfsImage: container.image.name,
    rootfsImageRef: container.image.ref,
    rootfsImageName: container.image.name,
    // Podman looks an image up by this.
    rootfsImageID: container.image.id.replace(/^sha256:/, ''),
    runtime: oci.name,
    createdTime: timeOf(container.createdAt),
    checkpointedTime: frozenAt.toISOString(),
    restoredTime:
      container.restore === undefined ? never : timeOf(container.startedAt ?? container.createdAt),
    restored: container.restore !== undefined,
  });
}

/** RFC 3339 with nanoseconds. */
function timeOf(nanoseconds: bigint): string {
  const date = new Date(Number(nanoseconds / 1_000_000n)).toISOString().slice(0, 19);
  return `${date}.${(nanoseconds % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}

/** `bind.mounts`: what must be mounted, and of which kind, when it is restored. */
export async function bindMounts(spec: OciSpec): Promise<Uint8Array> {
  const mounts = [];
  for (const { type, source = '', destination } of spec.mounts) {
    if (type !== 'bind') continue;
    const info = await stat(source).catch(() => undefined);
    mounts.push({
      source,
      destination,
      file_type: info?.isDirectory() === false ? 'file' : 'directory',
      permissions: (info?.mode ?? 0o755) & 0o777,
    });
  }
  return json(mounts);
}

/** What the manifest says about how the checkpoint was made. */
export async function captureFacts(
  captured: Captured,
  options: CriuOptions,
  runtimeVersion: string,
): Promise<CaptureFacts> {
  const { target, frozenAt, frozenMicroseconds, attempts } = captured;
  return {
    criu: (await criuFacts()).version,
    runtime: target.oci.name,
    runtimeVersion,
    kernel: release(),
    architecture: arch() === 'x64' ? 'amd64' : arch(),
    frozenAt: frozenAt.toISOString(),
    frozenMicroseconds,
    freezeAttempts: attempts,
    leaveRunning: true,
    options,
    ...podFacts(target),
  };
}

function podFacts({ sandbox, container }: CaptureTarget): Record<string, unknown> {
  const { name, namespace, uid } = sandbox.config.metadata ?? {};
  return {
    pod: { name, namespace, uid, sandboxId: sandbox.id },
    container: container.config.metadata?.name,
    image: container.image.name,
    imageId: container.image.id,
  };
}

export function json(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value, undefined, 2));
}
