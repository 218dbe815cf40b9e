import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { busyboxImage, writeDockerArchive, writeOciArchive, writeOciLayout } from '../../../test/images.ts';
import { folderFor, needsRuntime } from '../../../test/runtime.ts';
import { ImageStore } from './image-store.ts';

async function storeIn(root: string): Promise<ImageStore> {
  return ImageStore.open({ root, state: root }, () => {});
}

/** An image of two layers, the upper of which removes a file of the lower. */
function twoLayers() {
  const image = busyboxImage({
    User: 'app',
    Entrypoint: ['/bin/sh'],
    WorkingDir: '/home',
    StopSignal: 'SIGINT',
  });
  image.layers.push([
    { name: 'etc', type: 'directory', mode: 0o755 },
    { name: 'etc/.wh.removed', content: new Uint8Array() },
    { name: 'etc/added', content: Buffer.from('by the upper layer') },
  ]);
  return image;
}

const forms = {
  'oci:': async (t: TestContext) => {
    const path = join(folderFor(t), 'layout');
    await writeOciLayout(path, 'test.local/two:1', twoLayers());
    return path;
  },
  'oci-archive:': async (t: TestContext) => {
    const path = join(folderFor(t), 'image.tar');
    await writeOciArchive(path, 'test.local/two:1', twoLayers());
    return path;
  },
  'docker-archive:': async (t: TestContext) => {
    const path = join(folderFor(t), 'image.tar.gz');
    await writeDockerArchive(path, 'test.local/two:1', twoLayers());
    return path;
  },
};

for (const [transport, make] of Object.entries(forms)) {
  test(`ImageStore.pull takes an image over from ${transport}`, needsRuntime, async (t) => {
    const root = folderFor(t, 'store');
    const store = await storeIn(root);
    const reference = `${transport}${await make(t)}`;
    const image = await store.pull(reference);
    assert.match(image.id, /^sha256:[0-9a-f]{64}$/);
    assert.ok(image.tags.includes('test.local/two:1') && image.tags.includes(reference));
    assert.deepEqual(image.config, {
      env: ['PATH=/bin', 'FROM_IMAGE=yes'],
      entrypoint: ['/bin/sh'],
      cmd: ['sh'],
      workingDir: '/home',
      user: 'app',
      stopSignal: 'SIGINT',
    });
    const [upper = '', lower = ''] = image.layers;
    assert.equal(readFileSync(join(upper, 'etc/added'), 'utf8'), 'by the upper layer');
    assert.deepEqual(readdirSync(join(upper, 'etc')).sort(), ['added', 'removed']);
    assert.equal(readlinkSync(join(lower, 'bin/sh')), 'busybox');
    assert.ok(image.size > 1_000_000);
    // What is on disk is found again.
    const again = await storeIn(root);
    for (const name of ['test.local/two:1', reference, image.id, image.id.slice(7, 19)]) {
      assert.deepEqual(again.find(name), image, name);
    }
    assert.equal(again.find('test.local/two:2'), undefined);
  });
}

test('ImageStore.pull keeps one copy of a layer and of an image', needsRuntime, async (t) => {
  const root = folderFor(t, 'store');
  const store = await storeIn(root);
  const first = await store.pull(`oci:${await forms['oci:'](t)}`);
  const before = readdirSync(join(root, 'layers')).sort();
  const second = await store.pull(`docker-archive:${await forms['docker-archive:'](t)}`);
  assert.equal(second.id, first.id);
  assert.deepEqual(second.layers, first.layers);
  assert.deepEqual(readdirSync(join(root, 'layers')).sort(), before);
  assert.equal(store.all().length, 1);
});

test('ImageStore.pull gives a name to the image that came last', needsRuntime, async (t) => {
  const store = await storeIn(folderFor(t, 'store'));
  const old = await store.pull(`oci:${await forms['oci:'](t)}`);
  const path = join(folderFor(t), 'layout');
  await writeOciLayout(path, 'test.local/two:1', busyboxImage({ Cmd: ['other'] }));
  const fresh = await store.pull(`oci:${path}`);
  assert.equal(store.find('test.local/two:1')?.id, fresh.id);
  assert.ok(!store.find(old.id)?.tags.includes('test.local/two:1'));
});

test('ImageStore.pull refuses an altered or incomplete image and leaves nothing', needsRuntime, async (t) => {
  const root = folderFor(t, 'store');
  const store = await storeIn(root);
  const damage: Record<string, (layout: string, blob: string) => void> = {
    altered: (_layout, blob) => appendFileSync(blob, 'x'),
    truncated: (_layout, blob) => truncateSync(blob, 1000),
    missing: (_layout, blob) => rmSync(blob),
    'no index': (layout) => rmSync(join(layout, 'index.json')),
    'index is no JSON': (layout) => writeFileSync(join(layout, 'index.json'), '{'),
    'digest leads out': (layout) => {
      const index = readFileSync(join(layout, 'index.json'), 'utf8');
      const wrong = index.replace(/sha256:[0-9a-f]{64}/, 'sha256:../../../etc/passwd');
      writeFileSync(join(layout, 'index.json'), wrong);
    },
  };
  for (const [name, spoil] of Object.entries(damage)) {
    const layout = await forms['oci:'](t);
    const blobs = readdirSync(join(layout, 'blobs/sha256')).map((blob) => join(layout, 'blobs/sha256', blob));
    const largest = blobs.sort((a, b) => readFileSync(b).length - readFileSync(a).length)[0] ?? '';
    spoil(layout, largest);
    await assert.rejects(store.pull(`oci:${layout}`), { code: 'corrupt' }, name);
  }
  assert.deepEqual(store.all(), []);
  assert.deepEqual(readdirSync(join(root, 'layers')), []);
});

test('ImageStore.pull uses a folder as it is', needsRuntime, async (t) => {
  const store = await storeIn(folderFor(t, 'store'));
  const folder = folderFor(t, 'rootdir');
  const image = await store.pull(`rootdir:${folder}`);
  assert.deepEqual(image.layers, [folder]);
  await store.remove(`rootdir:${folder}`, new Set());
  assert.ok(existsSync(folder));
  assert.equal(store.find(image.id), undefined);
});

test('ImageStore.pull says how to bring an image that only a registry has', needsRuntime, async (t) => {
  const store = await storeIn(folderFor(t, 'store'));
  await assert.rejects(store.pull('docker.io/library/redis:7'), {
    code: 'not-found',
    message: 'image "docker.io/library/redis:7" is not on this machine',
    hint: /oci:\/path/,
  });
  await assert.rejects(store.pull('oci:/nowhere'), {
    code: 'not-found',
    message: /\/nowhere does not exist/,
  });
});

test('ImageStore.remove keeps what containers and other images use', needsRuntime, async (t) => {
  const root = folderFor(t, 'store');
  const store = await storeIn(root);
  const two = await store.pull(`oci:${await forms['oci:'](t)}`);
  const path = join(folderFor(t), 'layout');
  await writeOciLayout(path, 'test.local/one:1', busyboxImage());
  const one = await store.pull(`oci:${path}`);
  assert.equal(one.layers[0], two.layers[1]);
  await assert.rejects(store.remove(two.id, new Set(two.layers)), { code: 'failed-precondition' });
  await store.remove(two.id, new Set());
  assert.ok(!existsSync(two.layers[0] ?? ''));
  assert.ok(existsSync(one.layers[0] ?? ''));
  await store.remove(two.id, new Set());
});

test('ImageStore.open removes what a killed process had not finished', needsRuntime, async (t) => {
  const root = folderFor(t, 'store');
  mkdirSync(join(root, 'layers/.12345/etc'), { recursive: true });
  mkdirSync(join(root, 'images'));
  writeFileSync(join(root, 'images/.678'), 'half');
  await storeIn(root);
  assert.deepEqual(readdirSync(join(root, 'layers')), []);
  assert.deepEqual(readdirSync(join(root, 'images')), []);
});
