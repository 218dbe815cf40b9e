import { imageAnnotations } from '../checkpoint/engine.ts';
import type { Identity } from '../checkpoint/identity.ts';
import type { CaptureFacts } from '../checkpoint/manifest.ts';
import type { Annotations } from './descriptor.ts';

const { common, crio, podman } = imageAnnotations;

/**
 * What tells engines that an image holds a checkpoint, and of what.
 * `basic` are the eight that checkpointctl writes, in a fixed order, empty where nothing is known; `all` adds
 * what CRI-O and Podman look for under keys of their own, and facts from capture where they were recorded.
 */
export function checkpointAnnotations(
  identity: Identity,
  capture: CaptureFacts = {},
): { basic: Annotations; all: Annotations } {
  const { engine, name, pod, namespace, podUid, sandboxId, runtime } = identity;
  const { image, imageRef, imageRequested } = identity;
  const basic = {
    [common.engineName]: engine,
    [common.containerName]: name,
    [common.podName]: pod,
    [common.podNamespace]: namespace,
    [common.imageRequested]: imageRequested,
    [common.imageName]: image,
    [common.imageId]: imageRef,
    [common.runtimeName]: runtime,
  };
  const more = {
    [common.podUid]: podUid,
    [common.podId]: sandboxId,
    [crio.name]: name,
    [crio.rawImageName]: imageRequested,
    [crio.imageName]: image,
    [crio.imageId]: imageRef,
    [podman.name]: name,
    [podman.rawImageName]: imageRequested,
    [podman.imageName]: image,
    [podman.imageId]: imageRef,
    [podman.runtimeName]: runtime,
    ...captured(capture),
  };
  const known = Object.entries(more).filter(([, value]) => value !== '');
  return { basic, all: { ...basic, ...Object.fromEntries(known) } };
}

function captured({ criu, runtimeVersion, kernel, architecture, stasis }: CaptureFacts): Annotations {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return {
    [common.engineVersion]: text(stasis),
    [common.criuVersion]: text(criu),
    [crio.criuVersion]: text(criu),
    [podman.criuVersion]: text(criu),
    [common.runtimeVersion]: text(runtimeVersion),
    [podman.runtimeVersion]: text(runtimeVersion),
    [common.hostKernel]: text(kernel),
    [podman.hostKernel]: text(kernel),
    [common.hostArch]: text(architecture),
    [podman.hostArch]: text(architecture),
  };
}
