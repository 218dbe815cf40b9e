import assert from 'node:assert/strict';
import { test } from 'node:test';
import { madeImageSet } from '../../test/made-images.ts';
import { base64Bytes } from '../bytes/base64.ts';
import { automounts, binaryFormats, bpfMaps } from './kernel-objects.ts';
import { processors } from './processor.ts';

test('automounts and binaryFormats: what the images say, by name', async () => {
  const images = madeImageSet({
    'autofs-42.img': {
      magic: 'AUTOFS',
      entries: [{ fd: 5, pgrp: 9, timeout: 300, minproto: 5, maxproto: 5, mode: 1, uid: 7 }],
    },
    'binfmt-misc.img': {
      magic: 'BINFMT_MISC',
      entries: [
        { name: 'java', enabled: true, interpreter: '/bin/java', extension: 'jar', flags: 'OC' },
        { name: 'qemu', enabled: false, interpreter: '/bin/qemu', magic: '7f454c46', mask: 'ffffffff' },
      ],
    },
  });
  assert.deepEqual(await automounts(images), [
    { mount: 42, kind: 'indirect', processGroup: 9, fd: 5, timeout: 300, protocol: '5', uid: 7 },
  ]);
  assert.deepEqual(await binaryFormats(images), [
    { name: 'java', enabled: true, interpreter: '/bin/java', flags: 'OC', extension: 'jar' },
    {
      ...{ name: 'qemu', enabled: false, interpreter: '/bin/qemu' },
      ...{ magic: '7f454c46', offset: 0, mask: 'ffffffff' },
    },
  ]);
});

test('bpfMaps: keys beside their values; a map without contents; counts that lie are bounded', async () => {
  const fown = { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 };
  const map = (id: number, name: string) => ({
    type: 'BPFMAP',
    id,
    bpf: {
      ...{ id, flags: 2, pos: 0, fown, map_type: 1, key_size: 2, value_size: 3, map_id: id, max_entries: 8 },
      ...{ map_flags: 0, memlock: 0, frozen: id === 3, map_name: name, ifindex: 0 },
    },
  });
  const content = Buffer.from('k1k2abcdef').toString('base64');
  const images = madeImageSet({
    'files.img': { magic: 'FILES', entries: [map(3, 'seen'), map(4, 'empty'), map(5, 'lies')] },
    'bpfmap-data.img': {
      magic: 'BPFMAP_DATA',
      entries: [
        { map_id: 3, keys_bytes: 4, values_bytes: 6, count: 2, extra: content },
        { map_id: 5, keys_bytes: 0, values_bytes: 0, count: 4294967295, extra: '' },
      ],
    },
  });
  const [seen, empty, lies] = await bpfMaps(images);
  assert.deepEqual([seen?.name, seen?.type, seen?.frozen, seen?.count], ['seen', 'hash', true, 2]);
  assert.deepEqual(
    seen?.entries.map(({ key, value }) => [String(Buffer.from(key)), String(Buffer.from(value))]),
    [
      ['k1', 'abc'],
      ['k2', 'def'],
    ],
  );
  assert.deepEqual([empty?.count, empty?.entries], [0, []]);
  assert.deepEqual(lies?.entries, []);
});

test('processors: what `criu cpuinfo dump` wrote, under the names of /proc/cpuinfo', async () => {
  const written = base64Bytes(
    'GUNWVBNAQGFiAAAACmAIAhAZGBEgASgCMP/3r7wBMP/3z/4CMAAwgIDEEDCD5Oj/DzAAMPOHgAIwADAAMKuP/I0PMA8wxr+BAjAAMIWAiIAFMAQwADAAMAAw' +
      'EDoIQU1EIEVQWUNA5QFIgBNQgBM=',
  );
  const [processor, ...more] = await processors(madeImageSet({ 'cpuinfo.img': written }));
  assert.deepEqual(more, []);
  assert.deepEqual([processor?.vendor, processor?.model, processor?.family], ['AMD', 'AMD EPYC', 25]);
  assert.equal(processor?.stateComponents, 0xe5n);
  // The same machine had these, and none of those.
  const features = new Set(processor?.features);
  for (const name of [
    'fpu',
    'nx',
    'lm',
    'sse4_2',
    'avx512vl',
    'xsaves',
    'vaes',
    'rdpid',
    'clzero',
    'fsrm',
    'topoext',
  ]) {
    assert.ok(features.has(name), name);
  }
  for (const name of ['pku', 'amx_tile', '3dnow', 'vmx', 'rtm', 'waitpkg', 'la57'])
    assert.ok(!features.has(name), name);
});
