import { quoted as goQuoted } from '../checkpointmanager/errors.ts';
import { CodedError } from '../errors/coded-error.ts';

/** The version of the device plugin API that is spoken here. */
export const apiVersion = 'v1beta1';
const supportedVersions: readonly string[] = [apiVersion];

/** What a plugin is refused with: the kubelet's words, which plugins' authors look for. */
export const refusals = {
  version: (requested: string): CodedError =>
    new CodedError(
      'unsupported',
      `requested API version ${goQuoted(requested)} is not supported by kubelet. ` +
        `Supported version is [${supportedVersions.map(goQuoted).join(' ')}]`,
    ),
  name: (name: string): CodedError =>
    new CodedError('invalid-argument', `the ResourceName ${goQuoted(name)} is invalid`),
  dial: (cause: CodedError): CodedError =>
    new CodedError('unavailable', `failed to dial device plugin: ${cause.message}`, { cause }),
  options: (reason: string, cause: unknown): CodedError =>
    new CodedError('unavailable', `failed to get device plugin options: ${reason}`, { cause }),
  watchedVersions: (versions: readonly string[]): CodedError =>
    new CodedError(
      'unsupported',
      `manager version, ${apiVersion}, is not among plugin supported versions [${versions.join(' ')}]`,
    ),
  watchedName: (name: string): CodedError =>
    new CodedError(
      'invalid-argument',
      `invalid name of device plugin socket: the ResourceName ${goQuoted(name)} is invalid`,
    ),
} as const;

export function speaks(versions: readonly string[]): boolean {
  return versions.some((version) => supportedVersions.includes(version));
}

/** Why a container does not get the devices it asks for: the kubelet's words, shown in the pod's status. */
export const shortages = {
  changed: (pod: string, container: string, resource: string, before: number, now: number): CodedError =>
    new CodedError(
      'failed-precondition',
      `pod ${goQuoted(pod)} container ${goQuoted(container)} changed request for resource ` +
        `${goQuoted(resource)} from ${before} to ${now}`,
    ),
  unregistered: (resource: string): CodedError =>
    new CodedError('unavailable', `cannot allocate unregistered device ${resource}`, {
      hint: 'the pod is tried again when its plugin has registered',
    }),
  noneHealthy: (resource: string): CodedError =>
    new CodedError(
      'unavailable',
      `no healthy devices present; cannot allocate unhealthy devices ${resource}`,
      { hint: 'the pod is tried again when devices are healthy' },
    ),
  lost: (resource: string): CodedError =>
    new CodedError(
      'unavailable',
      `previously allocated devices are no longer healthy; cannot allocate unhealthy devices ${resource}`,
    ),
  tooFew: (resource: string, requested: number, available: number): CodedError =>
    new CodedError(
      'resource-exhausted',
      `requested number of devices unavailable for ${resource}. ` +
        `Requested: ${requested}, Available: ${available}`,
    ),
  short: (requested: number, got: number): CodedError =>
    new CodedError(
      'internal',
      `unexpectedly allocated less resources than required. Requested: ${requested}, Got: ${got}`,
    ),
  unknownPlugin: (resource: string): CodedError =>
    new CodedError('unavailable', `unknown Device Plugin ${resource}`),
  stopped: (resource: string): CodedError =>
    new CodedError('unavailable', `endpoint ${resource} has been stopped`),
  noAnswer: (): CodedError =>
    new CodedError(
      'internal',
      'no containers return in allocation response &AllocateResponse{ContainerResponses:[]*ContainerAllocateResponse{},}',
    ),
  preferred: (reason: string, cause: unknown): CodedError =>
    new CodedError('internal', `device plugin GetPreferredAllocation rpc failed with err: ${reason}`, {
      cause,
    }),
  prestart: (reason: string, cause: unknown): CodedError =>
    new CodedError('internal', `device plugin PreStartContainer rpc failed with err: ${reason}`, { cause }),
  noEndpoint: (resource: string): CodedError =>
    new CodedError('unavailable', `endpoint not found in cache for a registered resource: ${resource}`),
} as const;
