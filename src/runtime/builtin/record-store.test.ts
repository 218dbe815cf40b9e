import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { folderFor } from '../../../test/runtime.ts';
import { ContainerConfigSchema, PodSandboxConfigSchema } from '../../gen/cri/v1/api_pb.ts';
import { RecordStore } from './record-store.ts';
import {
  type ContainerRecord,
  decodeContainer,
  decodeSandbox,
  encodeRecord,
  type SandboxRecord,
} from './records.ts';

const id = (letter: string): string => letter.repeat(64);

function containerRecord(letter: string, createdAt: bigint): ContainerRecord {
  return {
    id: id(letter),
    sandboxId: id('f'),
    config: create(ContainerConfigSchema, {
      metadata: { name: 'name', attempt: 3 },
      linux: { resources: { memoryLimitInBytes: 2n ** 53n + 1n, unified: { 'memory.max': '1' } } },
      annotations: { __proto__: 'kept', key: 'ü' },
    }),
    image: { id: 'sha256:1', name: 'n', ref: 'r', layers: ['/a', '/b'] },
    createdAt,
    startedAt: 1795231476934000001n,
    process: { pid: 7, startTime: '99', bootId: 'boot' },
    exit: { finishedAt: 1795231476934000003n, exitCode: 137, reason: 'Error', message: '' },
    user: { uid: 1, gid: 2, groups: [3] },
    ...{ stopSignal: 'SIGTERM', logPath: '/log', cgroup: '/c', notes: ['note'] },
    restore: { images: '/i', archive: '/t.tar', options: ['--x'] },
  };
}

async function storeIn(directory: string, log: string[] = [], cleaned: string[] = []) {
  return RecordStore.open<ContainerRecord>({
    ...{ directory, what: 'container', decode: decodeContainer, log: (line) => log.push(line) },
    encode: (record) => encodeRecord('container', record),
    clean: async (each) => void cleaned.push(each),
  });
}

async function filled(t: TestContext): Promise<string> {
  const directory = join(folderFor(t), 'containers');
  const store = await storeIn(directory);
  for (const [letter, at] of [
    ['b', 5n],
    ['a', 9n],
    ['c', 1n],
  ] as const) {
    mkdirSync(join(directory, id(letter)));
    await store.save(containerRecord(letter, at));
  }
  return directory;
}

test('RecordStore gives back exactly what was saved, oldest first', async (t) => {
  const store = await storeIn(await filled(t));
  const expected = [containerRecord('c', 1n), containerRecord('b', 5n), containerRecord('a', 9n)];
  assert.deepEqual(store.all(), expected);
});

test('decodeSandbox gives back what encodeRecord was given', () => {
  const record: SandboxRecord = {
    ...{ id: id('1'), runtimeHandler: '', runtime: 'crun', state: 'ready', createdAt: 2n ** 60n },
    config: create(PodSandboxConfigSchema, { metadata: { uid: 'u', attempt: 2 }, hostname: 'h' }),
    ...{ namespaces: { network: '/n' }, shm: '/s', cgroup: '/stasis/1' },
  };
  assert.deepEqual(decodeSandbox(Buffer.from(encodeRecord('sandbox', record)).toString()), record);
});

test('RecordStore.find takes the beginning of an id where it is clear', async (t) => {
  const store = await storeIn(await filled(t));
  assert.equal(store.find('aaa')?.id, id('a'));
  assert.equal(store.find(''), undefined);
  assert.throws(() => store.get('d'), { code: 'not-found', message: 'no container has the id "d"' });
});

test('RecordStore.open cleans up what has no record and leaves what it cannot read', async (t) => {
  const directory = await filled(t);
  const [log, cleaned]: [string[], string[]] = [[], []];
  mkdirSync(join(directory, id('d')));
  writeFileSync(join(directory, id('d'), '.123'), 'half a record');
  const broken: Record<string, string> = {
    a: '{',
    b: '{"version":2,"kind":"container"}',
    c: '{"version":1,"kind":"sandbox"}',
  };
  for (const [letter, text] of Object.entries(broken)) {
    writeFileSync(join(directory, id(letter), 'record.json'), text);
  }
  mkdirSync(join(directory, 'not-an-id'));
  const store = await storeIn(directory, log, cleaned);
  assert.deepEqual(store.all(), []);
  assert.deepEqual(cleaned, [id('d')]);
  assert.deepEqual(readdirSync(directory).sort(), [id('a'), id('b'), id('c'), 'not-an-id']);
  assert.equal(log.length, 3);
  assert.match(log.sort()[0] ?? '', /^container a{64}: .* is not JSON; it is left alone$/);
});

test('RecordStore.remove forgets a record before its folder', async (t) => {
  const directory = await filled(t);
  const store = await storeIn(directory);
  await store.remove(id('a'));
  assert.ok(!existsSync(join(directory, id('a'))));
  assert.equal(store.find(id('a')), undefined);
});
