import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { CodedError } from '../../errors/coded-error.ts';
import {
  CgroupDriver,
  LinuxContainerConfigSchema,
  type LinuxContainerResources,
  type RuntimeService,
} from '../../gen/cri/v1/api_pb.ts';
import { containerAnswer, containerStatusAnswer, sandboxAnswer, sandboxStatusAnswer } from './answers.ts';
import { startAttach } from './attach-session.ts';
import { openPort } from './bridge.ts';
import { refresh } from './container-end.ts';
import { createContainer, removeContainer, startContainer, stopContainer } from './container-lifecycle.ts';
import { ociResources } from './container-resources.ts';
import { podStatsOf, statsOf } from './container-stats.ts';
import { startExec } from './exec-session.ts';
import { withStatuses } from './grpc-error.ts';
import type { BuiltinRuntime, CheckpointHooks } from './hooks.ts';
import { type Machine, now } from './machine.ts';
import { type ContainerRecord, phaseOf } from './records.ts';
import { execSync } from './runtime-exec.ts';
import { containersMatching, sandboxesMatching } from './runtime-filters.ts';
import { containerInfo, runtimeStatus, sandboxInfo } from './runtime-status.ts';
import { streamMethods } from './runtime-streams.ts';
import { removeSandbox, runSandbox, stopSandbox } from './sandbox-operations.ts';
import { reopenLog } from './supervisor.ts';

export interface ServiceSettings {
  version: string;
  /** Program for pods that ask for none. */
  runtime: string;
}

type Impl = ServiceImpl<typeof RuntimeService>;
type Streaming = 'getContainerEvents' | Extract<keyof Impl, `stream${string}`>;
type Unary = Omit<Impl, Streaming>;

/**
 * The interface's runtime service. Every answer shows containers as they are at that moment; changes of one
 * container wait for each other.
 */
export function runtimeService(
  machine: Machine,
  runtime: BuiltinRuntime,
  settings: ServiceSettings,
): Partial<Impl> {
  return {
    ...withStatuses({
      ...podMethods(machine),
      ...containerMethods(machine, runtime),
      ...processMethods(machine),
      ...statsMethods(machine),
      ...checkpointMethods(machine, runtime),
      ...runtimeMethods(machine, settings),
    }),
    ...streamMethods(machine),
  };
}

function podMethods(machine: Machine) {
  const { sandboxes, queue } = machine;
  return {
    async runPodSandbox({ config, runtimeHandler }, context) {
      if (config === undefined) throw new CodedError('invalid-argument', 'config is missing');
      const name = `pod ${config.metadata?.uid}`;
      const work = () => runSandbox(machine, config, runtimeHandler, context.signal);
      return { podSandboxId: (await queue.run(name, work)).id };
    },
    async stopPodSandbox({ podSandboxId }) {
      const record = sandboxes.find(podSandboxId);
      if (record) await queue.run(record.id, () => stopSandbox(machine, record));
      return {};
    },
    async removePodSandbox({ podSandboxId }) {
      const record = sandboxes.find(podSandboxId);
      if (record) await queue.run(record.id, () => removeSandbox(machine, record));
      return {};
    },
    async podSandboxStatus({ podSandboxId, verbose }) {
      const record = sandboxes.get(podSandboxId);
      const inside = await containersMatching(machine, { podSandboxId: record.id });
      return {
        status: sandboxStatusAnswer(record),
        containersStatuses: inside.map(containerStatusAnswer),
        timestamp: now(),
        ...(verbose && { info: sandboxInfo(record) }),
      };
    },
    async listPodSandbox({ filter }) {
      return { items: sandboxesMatching(machine, filter).map(sandboxAnswer) };
    },
    async updatePodSandboxResources({ podSandboxId }) {
      // Limits are those of the containers; the pod's own cgroup has none to change.
      sandboxes.get(podSandboxId);
      return {};
    },
  } satisfies Partial<Unary>;
}

function containerMethods(machine: Machine, runtime: BuiltinRuntime) {
  const { containers, sandboxes, queue } = machine;
  return {
    async createContainer({ podSandboxId, config }, { signal }) {
      if (config === undefined) throw new CodedError('invalid-argument', 'config is missing');
      const sandbox = sandboxes.get(podSandboxId);
      const image = config.image?.image ?? '';
      // One at a time in a pod, so that a name is taken only once.
      const record = await queue.run(sandbox.id, () =>
        image.startsWith('/')
          ? checkpointing(machine).createFromArchive(runtime, sandbox, config, signal)
          : createContainer(machine, sandbox, config, {}, signal),
      );
      return { containerId: record.id };
    },
    async startContainer({ containerId }, { signal }) {
      const record = containers.get(containerId);
      await queue.run(record.id, () => startContainer(machine, runtime, record, signal));
      return {};
    },
    async stopContainer({ containerId, timeout }, { signal }) {
      const record = containers.find(containerId);
      if (record) await queue.run(record.id, () => stopContainer(machine, record, Number(timeout), signal));
      return {};
    },
    async removeContainer({ containerId }) {
      const record = containers.find(containerId);
      if (record) await queue.run(record.id, () => removeContainer(machine, record));
      return {};
    },
    async listContainers({ filter }) {
      return { containers: (await containersMatching(machine, filter)).map(containerAnswer) };
    },
    async containerStatus({ containerId, verbose }) {
      const record = await looked(machine, containerId);
      return {
        status: containerStatusAnswer(record),
        ...(verbose && { info: await containerInfo(machine, record) }),
      };
    },
    async updateContainerResources({ containerId, linux }) {
      const record = await looked(machine, containerId);
      await queue.run(record.id, async () => {
        const { resources, notes } = ociResources(linux, machine.cgroups.controllers);
        const oci = machine.runtimeOf(sandboxes.get(record.sandboxId).runtime);
        if (phaseOf(record) === 'running' && Object.keys(resources).length > 0) {
          await oci.update(record.id, resources);
        }
        for (const note of notes) machine.log(`container ${record.id}: ${note}`);
        record.notes = notes;
        record.config.linux ??= create(LinuxContainerConfigSchema);
        if (linux !== undefined)
          record.config.linux.resources = updated(record.config.linux.resources, linux);
        await machine.containers.save(record);
      });
      return {};
    },
    async reopenContainerLog({ containerId }) {
      const record = await looked(machine, containerId);
      if (phaseOf(record) !== 'running') {
        throw new CodedError('failed-precondition', `container ${record.id} is not running`);
      }
      await reopenLog(machine.paths, record.id);
      return {};
    },
  } satisfies Partial<Unary>;
}

async function looked(machine: Machine, id: string): Promise<ContainerRecord> {
  const record = machine.containers.get(id);
  await refresh(machine, record);
  return record;
}

/** An update names what changes: what it leaves empty stays. */
function updated(
  before: LinuxContainerResources | undefined,
  change: LinuxContainerResources,
): LinuxContainerResources {
  if (before === undefined) return change;
  const named = Object.entries(change).filter(([, value]) =>
    typeof value === 'object' && value !== null
      ? Object.keys(value).length > 0
      : value !== 0n && value !== '' && value !== undefined,
  );
  return { ...before, ...Object.fromEntries(named) };
}

async function running(machine: Machine, id: string): Promise<ContainerRecord> {
  const record = await looked(machine, id);
  if (phaseOf(record) === 'running') return record;
  throw new CodedError('failed-precondition', `container ${record.id} is ${phaseOf(record)}, not running`);
}

function processMethods(machine: Machine) {
  return {
    async execSync({ containerId, cmd, timeout }, { signal }) {
      const record = await looked(machine, containerId);
      return execSync(machine, record, cmd, Number(timeout), signal);
    },
    async exec({ containerId, cmd, tty, stdin }) {
      const record = await running(machine, containerId);
      const open = () => startExec(machine, record, { cmd, tty, stdin });
      return { url: await machine.streams.urlOf('exec', { kind: 'session', open }) };
    },
    async attach({ containerId }) {
      const record = await running(machine, containerId);
      const open = (signal: AbortSignal) => startAttach(machine, record, signal);
      return { url: await machine.streams.urlOf('attach', { kind: 'session', open }) };
    },
    async portForward({ podSandboxId, port }) {
      const sandbox = machine.sandboxes.get(podSandboxId);
      if (sandbox.state !== 'ready') {
        throw new CodedError('failed-precondition', `the pod sandbox ${sandbox.id} is not running`);
      }
      const ports = port.filter((item) => item > 0 && item < 65_536);
      const open = (wanted: number, signal: AbortSignal) =>
        openPort(sandbox.namespaces.network, wanted, signal);
      return { url: await machine.streams.urlOf('portforward', { kind: 'ports', ports, open }) };
    },
  } satisfies Partial<Unary>;
}

function statsMethods(machine: Machine) {
  return {
    async containerStats({ containerId }) {
      return { stats: await statsOf(machine, await looked(machine, containerId)) };
    },
    async listContainerStats({ filter }) {
      const found = await containersMatching(machine, filter);
      return { stats: await Promise.all(found.map((record) => statsOf(machine, record))) };
    },
    async podSandboxStats({ podSandboxId }) {
      return { stats: await podStatsOf(machine, machine.sandboxes.get(podSandboxId)) };
    },
    async listPodSandboxStats({ filter }) {
      const found = sandboxesMatching(machine, filter);
      return { stats: await Promise.all(found.map((record) => podStatsOf(machine, record))) };
    },
  } satisfies Partial<Unary>;
}

function checkpointing(machine: Machine): CheckpointHooks {
  if (machine.hooks !== undefined) return machine.hooks;
  throw new CodedError('unsupported', 'this runtime was set up without checkpoint and restore');
}

function checkpointMethods(machine: Machine, runtime: BuiltinRuntime) {
  return {
    async checkpointContainer(request, { signal }) {
      await checkpointing(machine).checkpointContainer(runtime, request, signal);
      return {};
    },
    async checkpointPod(request, { signal }) {
      await checkpointing(machine).checkpointPod(runtime, request, signal);
      return {};
    },
    async restorePod(request, { signal }) {
      const { sandboxId, restored } = await checkpointing(machine).restorePod(runtime, request, signal);
      return { podSandboxId: sandboxId, restoredContainers: restored };
    },
  } satisfies Partial<Unary>;
}

function runtimeMethods(machine: Machine, settings: ServiceSettings) {
  return {
    async version() {
      return {
        version: '0.1.0',
        runtimeName: 'stasis',
        runtimeVersion: settings.version,
        runtimeApiVersion: 'v1',
      };
    },
    status: ({ verbose }) => runtimeStatus(machine, settings, verbose),
    async runtimeConfig() {
      return { linux: { cgroupDriver: CgroupDriver.CGROUPFS } };
    },
    async updateRuntimeConfig() {
      return {};
    },
  } satisfies Partial<Unary>;
}
