/** The example of docs/checkpointmanager.md, as it stands there, through the package's own entry points. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  CheckpointManager,
  checksumType,
  defineCheckpoint,
  go,
  KeptValue,
  migrationCases,
  version,
  wholeStruct,
} from 'stasis/checkpointmanager';
import { FileStore } from 'stasis/checkpointmanager/file-store';

const sum = go.tag('checksum', checksumType);
const leaseV1 = go.struct('lease.State', {
  Owners: go.tag('owners', go.map(go.string, go.string)),
  Checksum: sum,
});
const leaseV2 = go.struct('lease.State', {
  Owners: go.tag('owners', go.map(go.string, go.slice(go.string))),
  Boot: go.tag('boot', go.string, 'omitempty'),
  Checksum: sum,
});
type LeaseV1 = go.ValueOf<typeof leaseV1>;
type Lease = go.ValueOf<typeof leaseV2>;

const leases = defineCheckpoint({
  name: 'leases',
  versions: [
    version({ version: 'v1', type: leaseV1, checksum: wholeStruct(leaseV1) }),
    version({
      version: 'v2',
      type: leaseV2,
      checksum: wholeStruct(leaseV2),
      up: (older: LeaseV1): Lease => ({
        Owners: older.Owners && new Map([...older.Owners].map(([device, pod]) => [device, [pod]])),
        Boot: '',
        Checksum: 0n,
      }),
      down(newer: Lease, { lose }): LeaseV1 {
        const owners = new Map<string, string>();
        for (const [device, pods] of newer.Owners ?? []) {
          if (pods?.length !== 1) lose(`${device}: ${pods?.length ?? 0} owners`);
          owners.set(device, pods?.[0] ?? '');
        }
        if (newer.Boot !== '') lose(`boot ${newer.Boot}`);
        return { Owners: newer.Owners && owners, Checksum: 0n };
      },
    }),
  ],
});

describe('the migrations of the example', () => {
  for (const each of migrationCases(leases)) it(each.name, each.run);
});

describe('stasis/checkpointmanager', () => {
  it('keeps a value, reads the older file, and refuses an altered one', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'library-'));
    try {
      await writeFile(
        join(directory, 'leases'),
        leases.encode({ Owners: new Map([['gpu0', 'a']]), Checksum: 0n }, 'v1'),
      );
      const manager = new CheckpointManager(await FileStore.open(directory, { history: 5 }));
      const empty: Lease = { Owners: new Map(), Boot: '', Checksum: 0n };
      const kept = await KeptValue.open(manager, 'leases', leases, empty);
      assert.deepEqual(kept.value.Owners, new Map([['gpu0', ['a']]]));
      await kept.update((before) => ({ ...before, Owners: new Map(before.Owners).set('gpu1', ['b']) }));
      const file = await readFile(join(directory, 'leases'), 'utf8');
      assert.match(file, /^\{"owners":\{"gpu0":\["a"\],"gpu1":\["b"\]\},"checksum":\d+\}$/);
      await writeFile(join(directory, 'leases'), file.replace('"b"', '"c"'));
      await assert.rejects(KeptValue.open(manager, 'leases', leases, empty), {
        message: 'checkpoint is corrupted',
      });
      assert.deepEqual(leases.migrate(kept.value, 'v2', 'v1').lost, []);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
