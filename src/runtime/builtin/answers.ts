import { create } from '@bufbuild/protobuf';
import {
  type Container,
  ContainerSchema,
  ContainerState,
  type ContainerStatus,
  ContainerStatusSchema,
  type Image,
  ImageSchema,
  type PodSandbox,
  PodSandboxSchema,
  PodSandboxState,
  type PodSandboxStatus,
  PodSandboxStatusSchema,
  Signal,
} from '../../gen/cri/v1/api_pb.ts';
import { addressesOf } from './cni.ts';
import type { ImageRecord } from './image-record.ts';
import { type ContainerPhase, type ContainerRecord, phaseOf, type SandboxRecord } from './records.ts';

const states: Readonly<Record<ContainerPhase, ContainerState>> = {
  created: ContainerState.CONTAINER_CREATED,
  running: ContainerState.CONTAINER_RUNNING,
  exited: ContainerState.CONTAINER_EXITED,
};

function sandboxState(record: SandboxRecord): PodSandboxState {
  return record.state === 'ready' ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY;
}

/** A pod as lists show it. */
export function sandboxAnswer({
  id,
  config,
  createdAt,
  runtimeHandler,
  ...record
}: SandboxRecord): PodSandbox {
  const { metadata, labels, annotations } = config;
  const state = sandboxState({ id, config, createdAt, runtimeHandler, ...record });
  return create(PodSandboxSchema, {
    ...{ id, state, createdAt, labels, annotations, runtimeHandler },
    ...(metadata && { metadata }),
  });
}

/** A pod as its own status shows it; without an address where its network reaches itself alone. */
export function sandboxStatusAnswer(record: SandboxRecord): PodSandboxStatus {
  const { id, config, createdAt, runtimeHandler } = record;
  const { metadata, labels, annotations } = config;
  const options = config.linux?.securityContext?.namespaceOptions;
  return create(PodSandboxStatusSchema, {
    ...{ id, state: sandboxState(record), createdAt, labels, annotations, runtimeHandler },
    ...(metadata && { metadata }),
    network: networkAnswer(record),
    linux: { namespaces: { ...(options && { options }) } },
  });
}

function networkAnswer({ network }: SandboxRecord) {
  const [ip = '', ...more] = network ? addressesOf(network) : [];
  return { ip, additionalIps: more.map((address) => ({ ip: address })) };
}

/** A container as lists show it. */
export function containerAnswer(record: ContainerRecord): Container {
  const { id, sandboxId, config, createdAt, image } = record;
  const { metadata, labels, annotations } = config;
  return create(ContainerSchema, {
    ...{ id, podSandboxId: sandboxId, createdAt, labels, annotations },
    ...{ imageRef: image.ref, imageId: image.id, state: states[phaseOf(record)] },
    image: config.image ?? { image: image.name },
    ...(metadata && { metadata }),
  });
}

/** A container as its own status shows it. */
export function containerStatusAnswer(record: ContainerRecord): ContainerStatus {
  const { id, config, createdAt, image, exit, logPath, user } = record;
  const { metadata, labels, annotations, mounts } = config;
  return create(ContainerStatusSchema, {
    ...{ id, createdAt, labels, annotations, mounts, logPath, state: states[phaseOf(record)] },
    ...{ imageRef: image.ref, imageId: image.id, image: config.image ?? { image: image.name } },
    ...(metadata && { metadata }),
    startedAt: record.startedAt ?? 0n,
    ...(exit && {
      ...{ finishedAt: exit.finishedAt, exitCode: exit.exitCode, reason: exit.reason, message: exit.message },
    }),
    ...(config.linux?.resources && { resources: { linux: config.linux.resources } }),
    user: {
      linux: {
        uid: BigInt(user.uid),
        gid: BigInt(user.gid),
        supplementalGroups: user.groups.map(BigInt),
      },
    },
    stopSignal: (Signal as Readonly<Record<string, Signal>>)[record.stopSignal] ?? Signal.RUNTIME_DEFAULT,
  });
}

export function imageAnswer(record: ImageRecord): Image {
  const { id, tags, digests, size, config } = record;
  const user = config.user.split(':', 1)[0] ?? '';
  const numeric = /^[0-9]+$/.test(user);
  return create(ImageSchema, {
    ...{ id, repoTags: tags, repoDigests: digests, size: BigInt(size) },
    ...(numeric ? { uid: { value: BigInt(user) } } : { username: user }),
    spec: { image: tags[0] ?? id },
  });
}
