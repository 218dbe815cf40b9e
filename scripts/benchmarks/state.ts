/**
 * Measures the file store against the disk itself: durable writes beside the bare system calls that any durable
 * write needs, in turns in the same run; a naive write and rename for comparison; reading and verifying a state
 * of 10 MB; listing 10,000 keys. The exit status says whether the store stays within a tenth of the disk.
 *
 *   node scripts/benchmarks/state.ts [DIRECTORY]     on the disk of DIRECTORY (default: the temporary folder's)
 */
import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeAs, see } from '../../src/checkpointmanager/define.ts';
import { deviceManager } from '../../src/kubeletstate/device-manager.ts';
import { FileStore } from '../../src/localfs/file-store.ts';
import { median } from './measure.ts';

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'bench-state-'));
const bytes = new Uint8Array(4096).fill(0x61);
const store = await FileStore.open(folder);

/** What no durable replacement of a file can do without: two syncs, nothing else around them. */
function bare(): void {
  const temporary = join(folder, '.1');
  const fd = openSync(temporary, 'w', 0o600);
  writeSync(fd, bytes);
  fsyncSync(fd);
  closeSync(fd);
  renameSync(temporary, join(folder, 'bare'));
  const directory = openSync(folder, 'r');
  fsyncSync(directory);
  closeSync(directory);
}

async function naive(): Promise<void> {
  await writeFile(join(folder, '.2'), bytes);
  await rename(join(folder, '.2'), join(folder, 'naive'));
}

const together = 32;
/** Writes of one contestant before it is the next one's turn. */
const inARow = 10;
const contestants: readonly { name: string; writes: number; turn(): Promise<void> | void }[] = [
  { name: 'disk: bare system calls', writes: inARow, turn: () => repeat(bare) },
  { name: 'store', writes: inARow, turn: () => repeat(() => store.write('store', bytes)) },
  { name: `store, ${together} keys at once`, writes: together, turn: manyKeys },
  { name: 'naive write and rename', writes: inARow, turn: () => repeat(naive) },
];

async function repeat(work: () => Promise<void> | void): Promise<void> {
  for (let i = 0; i < inARow; i++) await work();
}

async function manyKeys(): Promise<void> {
  await Promise.all(Array.from({ length: together }, (_, i) => store.write(`many${i}`, bytes)));
}

/** Milliseconds of each turn, contestants in turns so that the disk is in the same mood for all of them. */
async function race(turns: number): Promise<Map<string, number[]>> {
  const times = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  for (let i = 0; i < turns; i++) {
    for (const { name, turn } of contestants) {
      const started = performance.now();
      await turn();
      times.get(name)?.push(performance.now() - started);
    }
  }
  return times;
}

async function timed(repeats: number, work: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
  }
  return median(times);
}

/** A device manager's file of about 10 MB: as many entries as no node has. */
function largeState(): Uint8Array {
  const entries = Array.from({ length: 25_000 }, (_, i) => ({
    PodUID: `9a15d2b5-c152-46b9-96e0-${String(i).padStart(12, '0')}`,
    ContainerName: 'app',
    ResourceName: 'nvidia.com/gpu',
    DeviceIDs: new Map([[BigInt(i % 2), [`GPU-${i}-c1e9f249-b37b-81c2`, `GPU-${i}-77a702db-e37f-3a74`]]]),
    AllocResp: new Uint8Array(180).fill(i % 256),
  }));
  return encodeAs(deviceManager.version('v2'), {
    Data: { PodDeviceEntries: entries, RegisteredDevices: new Map() },
    Checksum: 0n,
  });
}

try {
  await race(2);
  const load = (): string => `load ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors\n`;
  process.stdout.write(load());
  const times = await race(80);
  const disk = times.get('disk: bare system calls') ?? [];
  // Turn by turn, as the disk's own speed changes with what else the machine does.
  const shareOf = (name: string, writes: number): number =>
    median((times.get(name) ?? []).map((took, i) => (disk[i] ?? Number.NaN) / inARow / (took / writes)));
  for (const { name, writes } of contestants) {
    const each = median(times.get(name) ?? []) / writes;
    const share = `${(100 * shareOf(name, writes)).toFixed(0)} % of the disk's own`;
    process.stdout.write(
      `${name.padEnd(28)} ${each.toFixed(3).padStart(8)} ms  ${(1000 / each).toFixed(0).padStart(7)} writes/s  ${share}\n`,
    );
  }
  const kept = shareOf('store', inARow) >= 0.9;
  process.stdout.write(
    `${kept ? 'kept' : 'MISSED'}: durable writes within a tenth of the disk's own limit\n`,
  );
  if (!kept) process.exitCode = 1;

  const large = join(folder, 'large');
  writeFileSync(large, largeState());
  const size = (await readFile(large)).length;
  const verify = await timed(5, async () => {
    if (!see(deviceManager.version('v2'), await readFile(large)).valid) throw new Error('not valid');
  });
  process.stdout.write(`read and verify ${(size / 1e6).toFixed(1)} MB: ${verify.toFixed(0)} ms\n`);

  for (let i = 0; i < 10_000; i++) writeFileSync(join(folder, `key${i}`), '');
  const listing = await timed(9, async () => {
    if ((await store.list()).length < 10_000) throw new Error('keys are missing');
  });
  process.stdout.write(`list 10,000 keys: ${listing.toFixed(1)} ms\n${load()}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
