import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { CodedError } from '../../errors/coded-error.ts';
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from '../../gen/cri/v1/api_pb.ts';

import type { CniAttachment } from './cni.ts';

/** Times are nanoseconds since 1970, as in the container runtime interface. */
export type Nanoseconds = bigint;

/** What the runtime remembers of a pod. Written to disk at every change. */
export interface SandboxRecord {
  /** 64 hexadecimal digits. */
  id: string;
  config: PodSandboxConfig;
  /** As the caller named it; empty for the default. */
  runtimeHandler: string;
  /** Program that runs the containers of this pod: `crun` or `runc`. */
  runtime: string;
  state: 'ready' | 'notready';
  /** It is being made; one that a killed process left so is taken apart again. */
  making?: boolean;
  createdAt: Nanoseconds;
  /** Files that hold the pod's own namespaces; without one, the node's is used. */
  namespaces: { network?: string; ipc?: string; uts?: string };
  /** The network for pods that it is in; without it, its network reaches itself alone. */
  network?: CniAttachment;
  /** Folder that holds the shared /dev/shm; without one, the node's is used. */
  shm?: string;
  /** Below the cgroup2 mount, with a leading slash. Containers have one of their own below it. */
  cgroup: string;
}

/** The image a container runs on, fixed at its creation. */
export interface ContainerImage {
  /** `sha256:…` */
  id: string;
  /** What the image was asked for as. */
  name: string;
  /** Repository and digest where the image has them, else the id. */
  ref: string;
  /** Folders of its layers, the topmost first. */
  layers: string[];
}

export interface ContainerExit {
  finishedAt: Nanoseconds;
  exitCode: number;
  /** One word: Completed, Error, OOMKilled, StartError, Unknown. */
  reason: string;
  message: string;
}

/** Where a container that is not started afresh gets its processes from. */
export interface RestoreSource {
  /** Folder with CRIU's images. */
  images: string;
  /** The archive they came from, for status and messages. */
  archive: string;
  /** More options for the runtime's `restore`, in its own words. */
  options: string[];
}

/** A process and what tells it from a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot. */
  startTime: string;
  /** /proc/sys/kernel/random/boot_id when it was started. */
  bootId: string;
}

/** What the runtime remembers of a container. Written to disk at every change. */
export interface ContainerRecord {
  /** 64 hexadecimal digits. */
  id: string;
  sandboxId: string;
  config: ContainerConfig;
  image: ContainerImage;
  createdAt: Nanoseconds;
  startedAt?: Nanoseconds;
  /** The first process, while it runs. */
  process?: ProcessIdentity;
  /** The process that holds it, reads its output and learns its exit status. */
  supervisor?: ProcessIdentity;
  exit?: ContainerExit;
  user: { uid: number; gid: number; groups: number[] };
  /** Signal that stops it, as a name: SIGTERM. */
  stopSignal: string;
  /** Absolute; inside the container's own folder where the caller named none. */
  logPath: string;
  /** Below the cgroup2 mount, with a leading slash; nothing else is in it, so it can be frozen alone. */
  cgroup: string;
  /** What was asked for and could not be done here, one sentence each. */
  notes: string[];
  /** Set for a container made from a checkpoint until, and after, it was started. */
  restore?: RestoreSource;
}

export type ContainerPhase = 'created' | 'running' | 'exited';

export function phaseOf(record: ContainerRecord): ContainerPhase {
  if (record.exit !== undefined) return 'exited';
  return record.process === undefined ? 'created' : 'running';
}

const version = 1;

type Kind = 'sandbox' | 'container';

/** The bytes of a record; bigint as decimal text, messages as protobuf JSON. */
export function encodeRecord(kind: Kind, record: SandboxRecord | ContainerRecord): Uint8Array {
  const config =
    kind === 'sandbox'
      ? toJson(PodSandboxConfigSchema, (record as SandboxRecord).config)
      : toJson(ContainerConfigSchema, (record as ContainerRecord).config);
  const text = JSON.stringify({ version, kind, ...record, config }, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  return new TextEncoder().encode(`${text}\n`);
}

/** @throws CodedError `corrupt` when the text is no record of this kind and version. */
export function decodeSandbox(text: string): SandboxRecord {
  const raw = parse('sandbox', text);
  const config = fromJson(PodSandboxConfigSchema, raw['config'] as JsonValue, { ignoreUnknownFields: true });
  return { ...(raw as unknown as SandboxRecord), config, createdAt: BigInt(String(raw['createdAt'])) };
}

/** @throws CodedError `corrupt` when the text is no record of this kind and version. */
export function decodeContainer(text: string): ContainerRecord {
  const raw = parse('container', text);
  const config = fromJson(ContainerConfigSchema, raw['config'] as JsonValue, { ignoreUnknownFields: true });
  const record = {
    ...(raw as unknown as ContainerRecord),
    config,
    createdAt: BigInt(String(raw['createdAt'])),
  };
  if (record.startedAt !== undefined) record.startedAt = BigInt(record.startedAt);
  if (record.exit !== undefined) {
    record.exit = { ...record.exit, finishedAt: BigInt(record.exit.finishedAt) };
  }
  return record;
}

function parse(kind: Kind, text: string): Record<string, unknown> {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new CodedError('corrupt', `the record of a ${kind} is not JSON`, { cause });
  }
  if (value?.['version'] !== version || value['kind'] !== kind) {
    throw new CodedError('corrupt', `expected the record of a ${kind}, version ${version}`, {
      data: { found: String(value?.['kind']), version: String(value?.['version']) },
    });
  }
  delete value['version'];
  delete value['kind'];
  return value;
}
