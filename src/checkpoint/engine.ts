/** Who made a checkpoint, spelled as it is shown. */
export type Engine = 'Podman' | 'CRI-O' | 'containerd' | 'stasis';

/** The annotation of `spec.dump` that tells engines apart. */
export const managerAnnotation = 'io.container.manager';

const managers: Readonly<Record<string, Engine>> = {
  libpod: 'Podman',
  'cri-o': 'CRI-O',
  stasis: 'stasis',
};

/** @param manager the value of {@link managerAnnotation}; containerd sets none. */
export function engineOf(manager: string | undefined): Engine {
  return (manager !== undefined && Object.hasOwn(managers, manager) && managers[manager]) || 'containerd';
}

/** Annotations of `spec.dump` by engine. containerd's are also ours. */
export const specAnnotations = {
  crio: {
    /** JSON with the container's `name` and `attempt`. */
    metadata: 'io.kubernetes.cri-o.Metadata',
    created: 'io.kubernetes.cri-o.Created',
    ip: 'io.kubernetes.cri-o.IP.0',
    sandboxId: 'io.kubernetes.cri-o.SandboxID',
    podName: 'io.kubernetes.pod.name',
    podNamespace: 'io.kubernetes.pod.namespace',
    podUid: 'io.kubernetes.pod.uid',
  },
  containerd: {
    containerName: 'io.kubernetes.cri.container-name',
    sandboxId: 'io.kubernetes.cri.sandbox-id',
    podName: 'io.kubernetes.cri.sandbox-name',
    podNamespace: 'io.kubernetes.cri.sandbox-namespace',
    podUid: 'io.kubernetes.cri.sandbox-uid',
  },
} as const;

/** Annotations of images that hold a checkpoint, by who looks for them. */
export const imageAnnotations = {
  /** checkpointctl writes these on the manifest; containerd looks for the container's name in an index. */
  common: {
    engineName: 'org.criu.checkpoint.engine.name',
    engineVersion: 'org.criu.checkpoint.engine.version',
    containerName: 'org.criu.checkpoint.container.name',
    podName: 'org.criu.checkpoint.pod.name',
    podNamespace: 'org.criu.checkpoint.pod.namespace',
    podId: 'org.criu.checkpoint.pod.id',
    podUid: 'org.criu.checkpoint.pod.uid',
    imageRequested: 'org.criu.checkpoint.rootfsImageUserRequested',
    imageName: 'org.criu.checkpoint.rootfsImageName',
    imageId: 'org.criu.checkpoint.rootfsImageID',
    runtimeName: 'org.criu.checkpoint.runtime.name',
    runtimeVersion: 'org.criu.checkpoint.runtime.version',
    criuVersion: 'org.criu.checkpoint.criu.version',
    hostArch: 'org.criu.checkpoint.host.arch',
    hostKernel: 'org.criu.checkpoint.host.kernel',
  },
  crio: {
    name: 'io.kubernetes.cri-o.annotations.checkpoint.name',
    rawImageName: 'io.kubernetes.cri-o.annotations.checkpoint.rawImageName',
    imageId: 'io.kubernetes.cri-o.annotations.checkpoint.rootfsImageID',
    imageName: 'io.kubernetes.cri-o.annotations.checkpoint.rootfsImageName',
    criuVersion: 'io.kubernetes.cri-o.annotations.checkpoint.criu.version',
  },
  podman: {
    name: 'io.podman.annotations.checkpoint.name',
    rawImageName: 'io.podman.annotations.checkpoint.rawImageName',
    imageId: 'io.podman.annotations.checkpoint.rootfsImageID',
    imageName: 'io.podman.annotations.checkpoint.rootfsImageName',
    runtimeName: 'io.podman.annotations.checkpoint.runtime.name',
    runtimeVersion: 'io.podman.annotations.checkpoint.runtime.version',
    criuVersion: 'io.podman.annotations.checkpoint.criu.version',
    hostArch: 'io.podman.annotations.checkpoint.host.arch',
    hostKernel: 'io.podman.annotations.checkpoint.host.kernel',
  },
} as const;
