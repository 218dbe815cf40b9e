import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { writeTar } from '../archive/tar-writer.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { concat } from '../bytes/concat.ts';
import { utf8 } from '../bytes/text.ts';
import { isCoded } from '../errors/coded-error.ts';
import { openCheckpoint } from '../localfs/open-checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { tarCheckpoint } from './from-tar.ts';
import { readIdentity, readNetworks } from './identity.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');

async function checkpointOf(files: Record<string, string>): Promise<Checkpoint> {
  const members = Object.entries(files).map(([name, text]) => ({ name, content: utf8(text) }));
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(members)) pieces.push(piece);
  return tarCheckpoint(bytesSource(concat(pieces)), { origin: 'test.tar' });
}

for (const [file, expected] of Object.entries({
  'podman-5.8.6-crun-zstd.tar': [
    ...[
      'Podman',
      'pc',
      'test.local/bb:1',
      'cd101a2cc3c9e871040737e3f0d3ba74411073691a06d6f8bde2c79a4c599c6f',
    ],
    ...['2026-11-21T01:01:37Z', '', '', '', undefined],
  ],
  'crio-1.37-runc.tar': [
    ...['CRI-O', 'c1', 'test.local/bb:1', '95e5fbcd180f438718c3fe86470f02a5d099cff6ed11a9ee5c9fd06c1d9cd4e4'],
    ...['2026-11-21T01:03:23.808124007Z', 'p1', 'default', '10.88.0.2', '2026-11-21T01:03:28Z'],
  ],
  'containerd-2.1.9-crun.tar': [
    ...['containerd', 'c1', 'localhost:5000/bb:1'],
    '9e8fec93c63eeb89d9996a90e739f12773393e6769e0cc9e88019d4ef1524c15',
    ...['2026-11-21T00:33:44Z', 'p1', 'default', '', '2026-11-21T00:33:52Z'],
  ],
})) {
  test(`readIdentity + ${file}`, async () => {
    const checkpoint = await openCheckpoint(join(fixtures, file));
    const is = await readIdentity(checkpoint);
    assert.deepEqual(
      [is.engine, is.name, is.image, is.id, is.created, is.pod, is.namespace, is.ip, is.checkpointed],
      expected,
    );
    assert.deepEqual(await readNetworks(checkpoint), []);
    await checkpoint.close();
  });
}

test('readIdentity + our own engine is named, with annotations that others take for containerd', async () => {
  const annotations = {
    'io.container.manager': 'stasis',
    'io.kubernetes.cri.container-name': 'db',
    'io.kubernetes.cri.sandbox-name': 'my-redis',
    'io.kubernetes.cri.sandbox-uid': 'u-1',
  };
  const checkpoint = await checkpointOf({
    'config.dump': '{"id":"1","createdTime":"2026-11-21T01:03:23.95+05:30"}',
    'spec.dump': JSON.stringify({ annotations }),
  });
  const is = await readIdentity(checkpoint);
  assert.equal(is.engine, 'stasis');
  assert.equal(is.name, 'db');
  assert.equal(is.pod, 'my-redis');
  assert.equal(is.podUid, 'u-1');
  assert.equal(is.created, '2026-11-21T01:03:23+05:30');
});

test('readIdentity + what is missing or malformed is said as checkpointctl says it', async () => {
  const crio = '{"annotations":{"io.container.manager":"cri-o"}}';
  for (const [files, message] of [
    [{}, 'open config.dump: no such file or directory in test.tar'],
    [{ 'config.dump': '{}' }, 'open spec.dump: no such file or directory in test.tar'],
    [
      { 'config.dump': '{', 'spec.dump': '{}' },
      'failed to unmarshal config.dump: unexpected end of JSON input',
    ],
    [
      { 'config.dump': '{"id":5}', 'spec.dump': '{}' },
      'failed to unmarshal config.dump: json: cannot unmarshal number into Go struct field id of type string',
    ],
    [
      { 'config.dump': '{}', 'spec.dump': crio },
      'getting container checkpoint information failed: failed to read io.kubernetes.cri-o.Metadata: unexpected end of JSON input',
    ],
  ] as const) {
    await assert.rejects(
      checkpointOf(files).then((checkpoint) => readIdentity(checkpoint)),
      (error) => isCoded(error) && error.message === message,
      message,
    );
  }
  for (const time of ['xx', '2026-13-01T00:00:00Z', '2026-01-01', '2026-01-01T24:00:00Z']) {
    const config = JSON.stringify({ createdTime: time });
    const checkpoint = await checkpointOf({ 'config.dump': config, 'spec.dump': '{}' });
    await assert.rejects(readIdentity(checkpoint), /parsing time/);
  }
});

test('readNetworks + every address of every network, and nothing where the file is broken', async () => {
  const status = {
    podman: {
      interfaces: {
        eth0: {
          subnets: [{ ipnet: '10.88.0.9/16', gateway: '10.88.0.1' }, { ipnet: 'fd00::9/64' }],
          mac_address: 'aa:bb',
        },
      },
    },
  };
  const checkpoint = await checkpointOf({ 'network.status': JSON.stringify(status) });
  const common = { network: 'podman', interface: 'eth0', mac: 'aa:bb' };
  assert.deepEqual(await readNetworks(checkpoint), [
    { ...common, address: '10.88.0.9/16', gateway: '10.88.0.1' },
    { ...common, address: 'fd00::9/64', gateway: '' },
  ]);
  for (const text of ['{', '[]', '{"a":[]}', '{"a":{"interfaces":{"b":{"subnets":[{"ipnet":4}]}}}}']) {
    assert.deepEqual(await readNetworks(await checkpointOf({ 'network.status': text })), []);
  }
});
