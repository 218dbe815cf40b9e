import { type JsonObject, parseGoJson } from '../bytes/go-json.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import type { Checkpoint } from './checkpoint.ts';
import { goTime, objectIn, readDump, readDumpIfPresent, textIn, zeroTime } from './dump-json.ts';
import { type Engine, engineOf, managerAnnotation, specAnnotations } from './engine.ts';
import { memberNames } from './layout.ts';

/** Who the container was. Empty text where the checkpoint does not say. */
export interface Identity {
  engine: Engine;
  id: string;
  /** As checkpointctl shows it: the name in the pod where there is a pod, else the engine's name. */
  name: string;
  /** The engine's own name for the container, from `config.dump`. */
  engineContainerName: string;
  /** What the user asked for, what it was resolved to, and the digest or id of that. */
  imageRequested: string;
  image: string;
  imageRef: string;
  runtime: string;
  /** RFC 3339; as the engine wrote it for CRI-O. */
  created: string;
  /** RFC 3339 with seconds; undefined where the engine does not record it. */
  checkpointed: string | undefined;
  pod: string;
  namespace: string;
  podUid: string;
  sandboxId: string;
  /** The address that CRI-O notes; for Podman see {@link readNetworks}. */
  ip: string;
  /** All annotations of `spec.dump`. */
  annotations: ReadonlyMap<string, string>;
}

/** What {@link readIdentity} reads: announce these where the checkpoint is sequential. */
export const identityMembers: readonly string[] = [memberNames.configDump, memberNames.specDump];

/**
 * @throws CodedError `not-found` when `config.dump` or `spec.dump` is missing, `corrupt` when one of them
 *   cannot be read; messages as checkpointctl words them.
 */
export async function readIdentity(checkpoint: Checkpoint, signal?: AbortSignal): Promise<Identity> {
  await checkpoint.prepare({ names: identityMembers }, signal);
  const config = await readDump(checkpoint, memberNames.configDump, signal);
  return identityFrom(config, await readDump(checkpoint, memberNames.specDump, signal));
}

/** Who the container was by its `config.dump` and `spec.dump`. @throws CodedError `corrupt` */
export function identityFrom(config: JsonObject, spec: JsonObject): Identity {
  const annotations = annotationsOf(spec);
  const text = (key: string) => textIn(config, key, memberNames.configDump);
  const created = goTime(text('createdTime'), memberNames.configDump);
  const checkpointed = goTime(text('checkpointedTime'), memberNames.configDump);
  const common = {
    id: text('id'),
    engineContainerName: text('name'),
    imageRequested: text('rootfsImage') || text('RawImageName'),
    image: text('rootfsImageName'),
    imageRef: text('rootfsImageRef') || text('rootfsImageID'),
    runtime: text('runtime'),
    checkpointed: checkpointed === zeroTime ? undefined : checkpointed,
    annotations,
  };
  return { ...common, ...byEngine(annotations, common.engineContainerName, created) };
}

type EngineFacts = Pick<
  Identity,
  'engine' | 'name' | 'created' | 'pod' | 'namespace' | 'podUid' | 'sandboxId' | 'ip'
>;

function byEngine(annotations: ReadonlyMap<string, string>, name: string, created: string): EngineFacts {
  const engine = engineOf(annotations.get(managerAnnotation));
  const note = (key: string) => annotations.get(key) ?? '';
  if (engine === 'Podman') {
    return { engine, name, created, pod: '', namespace: '', podUid: '', sandboxId: '', ip: '' };
  }
  if (engine === 'CRI-O') {
    const keys = specAnnotations.crio;
    return {
      engine,
      name: crioName(note(keys.metadata)),
      created: note(keys.created),
      pod: note(keys.podName),
      namespace: note(keys.podNamespace),
      podUid: note(keys.podUid),
      sandboxId: note(keys.sandboxId),
      ip: note(keys.ip),
    };
  }
  const keys = specAnnotations.containerd;
  return {
    engine,
    name: note(keys.containerName),
    created,
    pod: note(keys.podName),
    namespace: note(keys.podNamespace),
    podUid: note(keys.podUid),
    sandboxId: note(keys.sandboxId),
    ip: '',
  };
}

function annotationsOf(spec: JsonObject): ReadonlyMap<string, string> {
  const object = objectIn(spec, 'annotations', memberNames.specDump);
  const found = new Map<string, string>();
  for (const key of object.keys()) found.set(key, textIn(object, key, memberNames.specDump));
  return found;
}

function crioName(metadata: string): string {
  try {
    const value = parseGoJson(metadata);
    if (value === null) return '';
    if (value instanceof Map) return textIn(value, 'name', specAnnotations.crio.metadata);
    throw new CodedError('corrupt', 'it is not an object');
  } catch (error) {
    throw new CodedError(
      'corrupt',
      `getting container checkpoint information failed: failed to read ${specAnnotations.crio.metadata}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** One address of one interface, as Podman recorded it. */
export interface NetworkAddress {
  network: string;
  interface: string;
  /** With prefix length: `10.88.0.9/16`. */
  address: string;
  gateway: string;
  mac: string;
}

/**
 * The addresses in Podman's `network.status`, by network and interface; none where it is absent or cannot be
 * read, as checkpointctl has it.
 */
export async function readNetworks(checkpoint: Checkpoint, signal?: AbortSignal): Promise<NetworkAddress[]> {
  const name = memberNames.networkStatus;
  try {
    const status = await readDumpIfPresent(checkpoint, name, signal);
    if (!status) return [];
    return [...status.keys()].sort().flatMap((network) => {
      const interfaces = objectIn(objectIn(status, network, name), 'interfaces', name);
      return [...interfaces.keys()].sort().flatMap((one) => addresses(network, one, interfaces));
    });
  } catch (error) {
    if (error instanceof CodedError && error.code === 'corrupt') return [];
    throw error;
  }
}

function addresses(network: string, one: string, interfaces: JsonObject): NetworkAddress[] {
  const name = memberNames.networkStatus;
  const fields = objectIn(interfaces, one, name);
  const mac = textIn(fields, 'mac_address', name);
  const subnets = fields.get('subnets');
  return (Array.isArray(subnets) ? subnets : []).map((subnet) => {
    const object: JsonObject = subnet instanceof Map ? subnet : new Map();
    const address = textIn(object, 'ipnet', name);
    return { network, interface: one, address, gateway: textIn(object, 'gateway', name), mac };
  });
}
