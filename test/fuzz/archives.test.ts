import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from '../fuzz.ts';
import * as archive from './archive.ts';
import * as conversion from './conversion.ts';
import * as manifest from './manifest.ts';
import * as ociLayout from './oci-layout.ts';
import * as tar from './tar.ts';
import * as zstdFrames from './zstd-frames.ts';

const targets = {
  'tar, from a file and from a stream': tar,
  'archives in every packing': archive,
  'zstd frames': zstdFrames,
  'stasis.json': manifest,
  'conversions between engines': conversion,
  'OCI layouts': ociLayout,
};

for (const [name, { target, seeds }] of Object.entries(targets)) {
  fuzz(name, seeds, target);

  test(`fuzz samples of ${name} + are taken as they are`, async () => {
    let taken = 0;
    for (const sample of await seeds()) {
      await target(sample).then(
        () => taken++,
        () => {},
      );
    }
    assert.ok(taken > 0);
  });
}
