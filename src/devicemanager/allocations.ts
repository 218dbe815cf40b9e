import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import {
  type ContainerAllocateResponse,
  ContainerAllocateResponseSchema,
} from '../gen/deviceplugin/v1beta1/api_pb.ts';
import type { DeviceManagerState } from '../kubeletstate/device-manager.ts';
import type { ContainerGrant } from '../pods/container-grant.ts';
import type { KnownDevice } from './resource.ts';

/** Devices of one resource that a container has, as the state file keeps them. */
export type Allocation = NonNullable<DeviceManagerState['Data']['PodDeviceEntries']>[number];

/** Where the state file puts devices whose plugin names no NUMA node. */
const nodeless = -1n;

export function allocationsOf(state: DeviceManagerState): readonly Allocation[] {
  return state.Data.PodDeviceEntries ?? [];
}

/** The file's content: what is allocated, and the healthy devices of each resource. */
export function stateOf(
  allocations: readonly Allocation[],
  registered: ReadonlyMap<string, string[]>,
): DeviceManagerState {
  const entries = allocations.length === 0 ? null : [...allocations];
  return { Data: { PodDeviceEntries: entries, RegisteredDevices: new Map(registered) }, Checksum: 0n };
}

/** Ids of the devices, each once. */
export function idsOf(allocation: Allocation): Set<string> {
  return new Set([...(allocation.DeviceIDs?.values() ?? [])].flatMap((ids) => ids ?? []));
}

/** NUMA nodes of each device, as they were when it was given. */
export function nodesOf(allocation: Allocation): Map<string, bigint[]> {
  const found = new Map<string, bigint[]>();
  for (const [node, ids] of allocation.DeviceIDs ?? []) {
    for (const id of ids ?? []) {
      found.set(id, [...(found.get(id) ?? []), ...(node === nodeless ? [] : [node])]);
    }
  }
  return found;
}

/** @param devices that the container gets, `answer` what the plugin said about their use */
export function newAllocation(
  owner: { pod: string; container: string; resource: string },
  devices: readonly KnownDevice[],
  answer: ContainerAllocateResponse,
): Allocation {
  const byNode = new Map<bigint, string[]>();
  for (const { id, nodes } of devices) {
    for (const node of nodes.length === 0 ? [nodeless] : nodes) {
      byNode.set(node, [...(byNode.get(node) ?? []), id]);
    }
  }
  return {
    PodUID: owner.pod,
    ContainerName: owner.container,
    ResourceName: owner.resource,
    DeviceIDs: byNode,
    AllocResp: toBinary(ContainerAllocateResponseSchema, answer),
  };
}

/** What the container needs to use the devices. @throws CodedError `corrupt` where it cannot be read any more */
export function grantOf({ AllocResp, ResourceName }: Allocation): ContainerGrant {
  let answer: ContainerAllocateResponse;
  try {
    answer = fromBinary(ContainerAllocateResponseSchema, AllocResp ?? new Uint8Array());
  } catch (error) {
    throw new CodedError(
      'corrupt',
      `reading what the plugin of ${ResourceName} answered when the devices were given: ${messageOf(error)}`,
      { cause: error, hint: 'remove the pod, and it gets devices anew' },
    );
  }
  return {
    envs: answer.envs,
    annotations: answer.annotations,
    mounts: answer.mounts.map(({ containerPath, hostPath, readOnly }) => ({
      containerPath,
      hostPath,
      readOnly,
    })),
    devices: answer.devices.map(({ containerPath, hostPath, permissions }) => ({
      containerPath,
      hostPath,
      permissions,
    })),
    cdiDevices: answer.cdiDevices.map(({ name }) => name),
  };
}
