import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { checksumType } from '../../src/checkpointmanager/checksum.ts';
import { wholeStruct } from '../../src/checkpointmanager/checksum-rule.ts';
import { defineCheckpoint, version } from '../../src/checkpointmanager/define.ts';
import { DefinedCheckpoint, KeptValue } from '../../src/checkpointmanager/defined-checkpoint.ts';
import { CheckpointNotFoundError, CorruptCheckpointError } from '../../src/checkpointmanager/errors.ts';
import { map, string, struct, tag } from '../../src/checkpointmanager/go-type.ts';
import { CheckpointManager } from '../../src/checkpointmanager/manager.ts';
import { MemoryStore } from '../../src/checkpointmanager/memory-store.ts';
import { KeyNotFoundError, type Store } from '../../src/checkpointmanager/store.ts';
import { isCoded } from '../../src/errors/coded-error.ts';
import { FileStore } from '../../src/localfs/file-store.ts';
import { listGenerations } from '../../src/localfs/generations.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'store-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const stores: readonly (readonly [string, () => Promise<Store>])[] = [
  ['MemoryStore', async () => new MemoryStore()],
  ['FileStore', () => FileStore.open(join(directory, 'state'))],
  ['FileStore with history', () => FileStore.open(join(directory, 'state'), { history: 2 })],
];

const type = struct('test.Data', {
  Entries: tag('entries', map(string, string)),
  Checksum: tag('checksum', checksumType),
});
const definition = defineCheckpoint({
  name: 'test',
  versions: [version({ version: 'v1', type, checksum: wholeStruct(type) })],
});
const data = (value: string): DefinedCheckpoint<{ Entries: Map<string, string> | null; Checksum: bigint }> =>
  new DefinedCheckpoint(definition, { Entries: new Map([['key', value]]), Checksum: 0n });

for (const [name, make] of stores) {
  describe(`${name} as a store`, () => {
    it('gives back what was written last, and not the caller’s array', async () => {
      const store = await make();
      const mine = bytes('one');
      await store.write('key', mine);
      mine[0] = 0;
      assert.equal(text(await store.read('key')), 'one');
      await store.write('key', bytes(''));
      assert.equal(text(await store.read('key')), '');
    });

    it('says that a key is not found, and deletes one that is not there', async () => {
      const store = await make();
      await assert.rejects(store.read('missing'), (e) => e instanceof KeyNotFoundError);
      await store.delete('missing');
      await store.write('key', bytes('x'));
      await store.delete('key');
      await assert.rejects(store.read('key'), /^KeyNotFoundError: key is not found$/);
    });

    it('checks keys in write, read and delete, with the kubelet’s rules and words', async () => {
      const store = await make();
      for (const key of ['id1', 'a7.87-6_8', 'a'.repeat(250), 'A']) await store.write(key, bytes('x'));
      for (const key of ['    ', '/foo/bar', '.foo', 'a7.87-677-', '___', '', 'a'.repeat(251), 'é', 'a\n']) {
        const refused = (e: unknown): boolean =>
          isCoded(e, 'invalid-argument') && e.message.startsWith('invalid key: "');
        await assert.rejects(store.write(key, bytes('x')), refused, key);
        await assert.rejects(store.read(key), refused, key);
        await assert.rejects(store.delete(key), refused, key);
      }
      await assert.rejects(store.read('a\n"é\u0001'), { message: 'invalid key: "a\\n\\"é\\x01"' });
    });

    it('lists by bytes', async () => {
      const store = await make();
      assert.deepEqual(await store.list(), []);
      for (const key of ['b', 'B', 'a10', 'a2', 'a.b', 'a']) await store.write(key, bytes('x'));
      assert.deepEqual(await store.list(), ['B', 'a', 'a.b', 'a10', 'a2', 'b']);
    });

    it('carries out concurrent writes of many keys and of one', async () => {
      const store = await make();
      const keys = Array.from({ length: 50 }, (_, i) => `key${i}`);
      await Promise.all(keys.map((key) => store.write(key, bytes(key))));
      for (const key of keys) assert.equal(text(await store.read(key)), key);
      await Promise.all(keys.map((key) => store.write('same', bytes(key))));
      assert.equal(text(await store.read('same')), 'key49');
    });
  });

  describe(`CheckpointManager over ${name}`, () => {
    it('creates, gets, lists, removes', async () => {
      const manager = new CheckpointManager(await make());
      await manager.createCheckpoint('key1', data('a'));
      await manager.createCheckpoint('key2', data('b'));
      const got = new DefinedCheckpoint(definition);
      await manager.getCheckpoint('key2', got);
      assert.deepEqual(got.value?.Entries, new Map([['key', 'b']]));
      assert.deepEqual(await manager.listCheckpoints(), ['key1', 'key2']);
      await manager.removeCheckpoint('key1');
      await manager.removeCheckpoint('key1');
      assert.deepEqual(await manager.listCheckpoints(), ['key2']);
      await assert.rejects(
        manager.getCheckpoint('key1', got),
        (e) => e instanceof CheckpointNotFoundError && e.message === 'checkpoint is not found',
      );
    });

    it('leaves the object filled with the bad data, and the file where it is', async () => {
      const store = await make();
      const manager = new CheckpointManager(store);
      await store.write('bad', bytes('{"entries":{"key":"altered"},"checksum":1}'));
      const got = new DefinedCheckpoint(definition);
      await assert.rejects(
        manager.getCheckpoint('bad', got),
        (e) =>
          e instanceof CorruptCheckpointError &&
          e.message === 'checkpoint is corrupted' &&
          e.expected === 1n &&
          e.actual > 1n,
      );
      assert.equal(got.value?.Entries?.get('key'), 'altered');
      assert.deepEqual(await manager.listCheckpoints(), ['bad']);
    });

    it('passes on what decoding says', async () => {
      const store = await make();
      const manager = new CheckpointManager(store);
      const cases: readonly [string, string][] = [
        ['', 'unexpected end of JSON input'],
        ['{"entries":{}}"', "invalid character '\"' after top-level value"],
        [
          '{"checksum":-1}',
          'json: cannot unmarshal number -1 into Go struct field Data.checksum of type checksum.Checksum',
        ],
      ];
      for (const [file, message] of cases) {
        await store.write('bad', bytes(file));
        await assert.rejects(manager.getCheckpoint('bad', new DefinedCheckpoint(definition)), { message });
      }
    });

    it('writes nothing when the object cannot marshal itself', async () => {
      const manager = new CheckpointManager(await make());
      const broken = {
        marshalCheckpoint(): Uint8Array {
          throw new Error('no');
        },
        unmarshalCheckpoint() {},
        verifyChecksum() {},
      };
      await assert.rejects(manager.createCheckpoint('key', broken), { message: 'no' });
      assert.deepEqual(await manager.listCheckpoints(), []);
    });

    it('refuses invalid keys', async () => {
      const manager = new CheckpointManager(await make());
      for (const call of [
        manager.createCheckpoint('_', data('a')),
        manager.getCheckpoint('_', data('a')),
        manager.removeCheckpoint('_'),
      ]) {
        await assert.rejects(call, { message: 'invalid key: "_"' });
      }
    });

    it('keeps a value whose memory and store agree', async () => {
      const store = await make();
      const manager = new CheckpointManager(store);
      const kept = await KeptValue.open(manager, 'kept', definition, { Entries: new Map(), Checksum: 0n });
      const set = (value: string) =>
        kept.update((before) => ({ ...before, Entries: new Map(before.Entries).set(value, value) }));
      await Promise.all([set('a'), set('b')]);
      const again = await KeptValue.open(manager, 'kept', definition, { Entries: null, Checksum: 0n });
      assert.deepEqual([...(again.value.Entries ?? [])], [...(kept.value.Entries ?? [])]);
      await assert.rejects(
        kept.update(() => {
          throw new Error('no');
        }),
      );
      await set('c');
      assert.equal(kept.value.Entries?.size, 3);
    });
  });
}

describe('FileStore', () => {
  it('makes the directory, keeps files private, follows no link and cleans up what a crash left', async () => {
    const path = join(directory, 'a/b');
    const first = await FileStore.open(path);
    await writeFile(join(directory, 'target'), 'untouched', { mode: 0o644 });
    await symlink(join(directory, 'target'), join(path, 'key'));
    await first.write('key', bytes('new'));
    assert.equal((await stat(join(path, 'key'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(directory, 'target'))).size, 9);
    for (const name of ['.stasis-123', '.456', '.789', '.keep']) await writeFile(join(path, name), 'x');
    await utimes(join(path, '.456'), 1, 1);
    await FileStore.open(path);
    const left = (await readdir(path)).filter((name) => !name.startsWith('.stasis-lock'));
    // The third may be a kubelet's that is being written at this moment.
    assert.deepEqual(left.sort(), ['.789', '.keep', 'key']);
  });

  it('lists directories too, and says with Go’s words what stands in the way', async () => {
    const store = await FileStore.open(directory);
    await mkdir(join(directory, 'folder/inner'), { recursive: true });
    assert.deepEqual(await store.list(), ['folder']);
    await assert.rejects(store.read('folder'), { message: `read ${directory}/folder: is a directory` });
    await assert.rejects(store.write('folder', bytes('x')), /rename .*folder: (is a directory|file exists)/);
    await assert.rejects(store.delete('folder'), /remove .*folder: directory not empty/);
    await rm(join(directory, 'folder/inner'), { recursive: true });
    await store.delete('folder');
    assert.deepEqual(await store.list(), []);
    await assert.rejects(FileStore.open(''), { message: 'mkdir : no such file or directory' });
    await writeFile(join(directory, 'file'), '');
    await assert.rejects(FileStore.open(join(directory, 'file')), /mkdir .*file: file exists/);
    assert.deepEqual(
      (await readdir(directory)).filter((name) => /^\.(stasis-)?[0-9]/.test(name)),
      [],
    );
  });

  it('makes its directory again when somebody has removed it, but not to delete from it', async () => {
    const path = join(directory, 'state');
    const store = await FileStore.open(path);
    await store.write('key', bytes('a'));
    await rm(path, { recursive: true });
    await store.delete('key');
    await store.write('key', bytes('b'));
    assert.equal(text(await store.read('key')), 'b');
  });

  it('refuses a write for which there is no room, before it writes', async () => {
    const store = await FileStore.open(directory, { minimumFree: 2 ** 60 });
    await assert.rejects(store.write('key', bytes('x')), (e) => isCoded(e, 'resource-exhausted'));
    assert.deepEqual(await store.list(), []);
  });

  it('keeps the generations it was asked to keep', async () => {
    const store = await FileStore.open(directory, { history: 3 });
    for (let i = 0; i < 6; i++) await store.write('key', bytes(`state ${i}`));
    const kept = await listGenerations(directory, 'key');
    assert.deepEqual(
      kept.map((each) => each.number),
      [5, 4, 3],
    );
    assert.deepEqual(await store.list(), ['key']);
  });

  it('coalesces writes that wait, and answers each of them', async () => {
    const store = await FileStore.open(directory, { coalesce: true, history: 100 });
    await Promise.all(Array.from({ length: 40 }, (_, i) => store.write('key', bytes(`state ${i}`))));
    assert.equal(text(await store.read('key')), 'state 39');
    assert.ok((await listGenerations(directory, 'key')).length < 3);
  });
});
