import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import {
  type ContainerStats,
  ContainerStatsSchema,
  type PodSandboxStats,
  PodSandboxStatsSchema,
} from '../../gen/cri/v1/api_pb.ts';
import { readCgroupFile } from './cgroups.ts';
import { type Machine, now } from './machine.ts';
import { rootfsDirectories } from './paths.ts';
import { type ContainerRecord, phaseOf, type SandboxRecord } from './records.ts';

const pageSize = 4096n;
/** Files that are looked at when the writable layer is measured; a larger one is reported as at least that. */
const mostFiles = 200_000;

/**
 * What a container uses, from its cgroup. Where the machine has no memory controller, memory is the sum of
 * what its processes have in memory, shared pages counted once for each.
 */
export async function statsOf(machine: Machine, record: ContainerRecord): Promise<ContainerStats> {
  const timestamp = now();
  const layer = await folderUsage(rootfsDirectories(machine.paths, record.id).upper);
  const { id, config } = record;
  return create(ContainerStatsSchema, {
    attributes: {
      id,
      labels: config.labels,
      annotations: config.annotations,
      ...(config.metadata && { metadata: config.metadata }),
    },
    ...(phaseOf(record) === 'running' && {
      cpu: { timestamp, usageCoreNanoSeconds: { value: await cpuTime(machine, record) } },
      memory: { timestamp, ...(await memoryUse(machine, record)) },
    }),
    writableLayer: {
      timestamp,
      fsId: { mountpoint: machine.paths.root },
      usedBytes: { value: layer.bytes },
      inodesUsed: { value: layer.files },
    },
  });
}

async function cpuTime(machine: Machine, record: ContainerRecord): Promise<bigint> {
  const text = await readCgroupFile(machine.cgroups, record.cgroup, 'cpu.stat');
  return BigInt(/^usage_usec (\d+)$/m.exec(text ?? '')?.[1] ?? 0) * 1000n;
}

async function memoryUse(machine: Machine, record: ContainerRecord) {
  const current = await readCgroupFile(machine.cgroups, record.cgroup, 'memory.current');
  const stat = await readCgroupFile(machine.cgroups, record.cgroup, 'memory.stat');
  if (current === undefined || stat === undefined) return residentMemory(machine, record);
  const field = (name: string): bigint => BigInt(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
  const usage = BigInt(current.trim());
  const inactive = field('inactive_file');
  return {
    usageBytes: { value: usage },
    workingSetBytes: { value: usage > inactive ? usage - inactive : 0n },
    rssBytes: { value: field('anon') },
    pageFaults: { value: field('pgfault') },
    majorPageFaults: { value: field('pgmajfault') },
  };
}

async function residentMemory(machine: Machine, record: ContainerRecord) {
  let total = 0n;
  let anonymous = 0n;
  const pids = (await readCgroupFile(machine.cgroups, record.cgroup, 'cgroup.procs')) ?? '';
  for (const pid of pids.split('\n').filter((line) => line !== '')) {
    const fields = await readFile(`/proc/${pid}/statm`, 'latin1').catch(() => '0 0 0');
    const [, resident = '0', shared = '0'] = fields.split(' ');
    total += BigInt(resident) * pageSize;
    anonymous += (BigInt(resident) - BigInt(shared)) * pageSize;
  }
  return { usageBytes: { value: total }, workingSetBytes: { value: total }, rssBytes: { value: anonymous } };
}

/** What a pod's running containers use together, and its processes. */
export async function podStatsOf(machine: Machine, record: SandboxRecord): Promise<PodSandboxStats> {
  const { id, config } = record;
  const containers = await Promise.all(
    machine.containers
      .all()
      .filter((container) => container.sandboxId === id)
      .map((container) => statsOf(machine, container)),
  );
  const timestamp = now();
  const sum = (pick: (stats: ContainerStats) => bigint | undefined) => ({
    value: containers.reduce((total, stats) => total + (pick(stats) ?? 0n), 0n),
  });
  return create(PodSandboxStatsSchema, {
    attributes: {
      id,
      labels: config.labels,
      annotations: config.annotations,
      ...(config.metadata && { metadata: config.metadata }),
    },
    linux: {
      cpu: { timestamp, usageCoreNanoSeconds: sum(({ cpu }) => cpu?.usageCoreNanoSeconds?.value) },
      memory: {
        timestamp,
        workingSetBytes: sum(({ memory }) => memory?.workingSetBytes?.value),
        rssBytes: sum(({ memory }) => memory?.rssBytes?.value),
      },
      process: { timestamp, processCount: { value: await processCount(machine, id) } },
      containers,
    },
  });
}

async function processCount(machine: Machine, sandboxId: string): Promise<bigint> {
  let count = 0n;
  for (const container of machine.containers.all()) {
    if (container.sandboxId !== sandboxId) continue;
    const pids = (await readCgroupFile(machine.cgroups, container.cgroup, 'cgroup.procs')) ?? '';
    count += BigInt(pids.split('\n').filter((line) => line !== '').length);
  }
  return count;
}

/** Bytes and files below a folder, as they take room on disk. */
export async function folderUsage(folder: string): Promise<{ bytes: bigint; files: bigint }> {
  let bytes = 0n;
  let files = 0n;
  const todo = [folder];
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    const info = await lstat(path, { bigint: true }).catch(() => undefined);
    if (info === undefined) continue;
    bytes += info.blocks * 512n;
    files++;
    if (files > mostFiles) break;
    if (!info.isDirectory()) continue;
    for (const name of await readdir(path).catch(() => [])) todo.push(join(path, name));
  }
  return { bytes, files };
}
