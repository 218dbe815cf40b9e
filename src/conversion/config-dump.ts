import type { Json, JsonObject } from '../bytes/go-json.ts';
import { zeroTime } from '../checkpoint/dump-json.ts';
import { CodedError } from '../errors/coded-error.ts';
import { containerName, imageName } from './annotations.ts';
import type { ConversionNote, ConversionOptions, Program } from './conversion.ts';
import { type ConversionSource, jsonOf, namespaceUse } from './source.ts';
import { objectOf } from './spec-dump.ts';

/** `config.dump` for the target. */
export function targetConfig(
  source: ConversionSource,
  options: ConversionOptions,
  notes: ConversionNote[],
): JsonObject {
  if (options.target === 'podman') return podmanConfig(source, options, notes);
  const { identity, config } = source;
  const { pod, namespace, podUid } = identity;
  const name = containerName(source, options);
  const parts = [name, pod, namespace, podUid, '0'];
  const image = imageName(source, options);
  const prefix = options.target === 'containerd' ? '' : 'k8s_';
  return new Map<string, Json>([
    ['id', identity.id],
    ['name', prefix + parts.join('_')],
    ['rootfsImage', options.image ?? (identity.imageRequested || image)],
    ['rootfsImageRef', imageRef(source, options, notes)],
    ['rootfsImageName', image],
    ...(imageId(source, options) === '' ? [] : [['rootfsImageID', imageId(source, options)] as const]),
    [
      'runtime',
      options.target === 'containerd' ? 'io.containerd.runc.v2' : (programFor(source, options) ?? ''),
    ],
    ['createdTime', config.get('createdTime') ?? zeroTime],
    ['checkpointedTime', config.get('checkpointedTime') ?? zeroTime],
    ['restoredTime', zeroTime],
    ['restored', false],
  ]);
}

/** The program that has to restore: the one that made the images, as each knows its own mounts by name. */
export function programFor(source: ConversionSource, { program }: ConversionOptions): Program | undefined {
  return program ?? source.program;
}

const digest = /@sha256:[0-9a-f]{64}$/;
const hexId = /^(?:sha256:)?([0-9a-f]{64})$/;

/** The id of the image, which is the digest of its configuration; empty where nobody wrote it down. */
export function imageId(
  { identity, config, capture }: ConversionSource,
  { image, imageId: given }: ConversionOptions,
): string {
  if (given !== undefined || image !== undefined) return hexId.exec(given ?? '')?.[1] ?? '';
  const recorded = capture?.['imageId'] ?? config.get('rootfsImageID');
  const known = typeof recorded === 'string' ? recorded : '';
  const own = identity.engine === 'containerd' ? '' : identity.imageRef;
  return hexId.exec(known)?.[1] ?? hexId.exec(own)?.[1] ?? '';
}

/** By what the target looks the image up: containerd by name and digest, CRI-O and stasis by its id. */
function imageRef(source: ConversionSource, options: ConversionOptions, notes: ConversionNote[]): string {
  const { identity } = source;
  const image = imageName(source, options);
  if (options.target !== 'containerd') {
    const id = imageId(source, options);
    if (id === '')
      notes.push({ kind: 'changed', about: 'image', detail: `${image} is looked up by its name` });
    return id;
  }
  const digests = identity.annotations.get('io.kubernetes.cri-o.ImageRepoDigests') ?? '';
  const known = options.image ?? [identity.imageRef, digests].find((ref) => digest.test(ref)) ?? image;
  const detail = digest.test(known)
    ? `${known}, from its registry: containerd 2.1 asks there even where the image is present`
    : `${known}, from its registry by that name; which image it was, the archive does not tell`;
  notes.push({ kind: 'needed', about: 'image', detail });
  return known;
}

/** What Podman needs of its own description of a container; it fills in the rest when it restores. */
function podmanConfig(
  source: ConversionSource,
  options: ConversionOptions,
  notes: ConversionNote[],
): JsonObject {
  const { identity, spec, config, labels } = source;
  const program = programFor(source, options) ?? 'crun';
  const shared = (type: string): boolean => namespaceUse(spec, type) === 'joined';
  const inPod = options.pod === true || shared('pid');
  const owner = identity.sandboxId || identity.id;
  const name = containerName(source, options);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    throw new CodedError('invalid-argument', `Podman takes no container named ${JSON.stringify(name)}`, {
      hint: 'give it another name with --name',
    });
  }
  notes.push({
    kind: 'needed',
    about: 'image',
    detail: `${imageName(source, options)}, in Podman's storage or a registry`,
  });
  const members: readonly (readonly [string, Json | undefined])[] = [
    ['spec', spec],
    ['id', identity.id],
    ['name', name],
    ...(inPod ? [['pod', owner] as const] : []),
    ['lockID', 0],
    ['RawImageName', imageName(source, options)],
    ['idMappingsOptions', jsonOf('{"HostUIDMapping":true,"HostGIDMapping":true}')],
    ['rootfsImageID', podmanImageId(source, options)],
    ['rootfsImageName', imageName(source, options)],
    ['shmSize', 65_536_000],
    ['labels', new Map(labels)],
    ...(inPod ? podNamespaces(shared, owner) : []),
    ['createNetNS', shared('network') && !inPod],
    ...(shared('network') && !inPod ? bridge : []),
    ['command', objectOf(spec.get('process')).get('args') ?? []],
    ['stopSignal', 15],
    ['stopTimeout', 10],
    ['createdTime', config.get('createdTime') ?? zeroTime],
    ['cgroupsMode', 'enabled'],
    ['logPath', ''],
    ['logDriver', 'k8s-file'],
    ['runtime', program],
    ['sdnotifyMode', 'container'],
    ['umask', '0022'],
    ['passwd', false],
  ];
  const made = members.filter((member): member is [string, Json] => member[1] !== undefined);
  return new Map([...keptOfPodman(source, !inPod), ...made]);
}

/** Members of Podman's description that are true of one node, one pod, one storage. */
const nodesOwn =
  /^(?:spec|pod|lockID|Dependencies|[a-zA-Z]+NsCtr|ShmDir|staticDir|mounts|secretsPath|logPath|conmonPidFile|pid_file|cgroupParent|cgroupManager|infraContainer)$/;

/** What else Podman had written about a container of its own. */
function keptOfPodman({ identity, config }: ConversionSource, alone: boolean): JsonObject {
  if (identity.engine !== 'Podman') return new Map();
  const kept = [...config].filter(([name]) => !nodesOwn.test(name));
  return new Map(alone ? kept : kept.filter(([name]) => !/^(?:newNetworks|networkMode)$/.test(name)));
}

function podmanImageId(source: ConversionSource, options: ConversionOptions): string {
  const id = imageId(source, options);
  if (id !== '') return id;
  const name = imageName(source, options);
  throw new CodedError(
    'failed-precondition',
    `Podman looks the image ${name} up by its id, and the archive does not say that`,
    { hint: `give it with --image-id; podman image inspect --format '{{.Id}}' ${name} prints it` },
  );
}

/** Podman's default network. */
const bridge: readonly (readonly [string, Json])[] = [
  ['newNetworks', new Map([['podman', new Map([['interface_name', 'eth0']])]])],
  ['networkMode', 'bridge'],
];

/** Whose namespaces are shared; Podman puts the new pod in this place. */
function podNamespaces(shared: (type: string) => boolean, owner: string): (readonly [string, Json])[] {
  const members = [
    ['ipc', 'ipcNsCtr'],
    ['network', 'netNsCtr'],
    ['pid', 'pidNsCtr'],
    ['uts', 'utsNsCtr'],
  ] as const;
  return members.filter(([type]) => shared(type)).map(([, member]) => [member, owner] as const);
}
