import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isExtendedResourceName } from './resource-name.ts';

const cases: readonly [name: string, extended: boolean][] = [
  ['vendor.com/gpu', true],
  ['vendor.com/GPU_1.x', true],
  ['a/b', true],
  ['cpu', false],
  ['kubernetes.io/batteries', false],
  ['node.kubernetes.io/something', false],
  ['requests.vendor.com/gpu', false],
  ['vendor.com/', false],
  ['/gpu', false],
  ['Vendor.com/gpu', false],
  ['vendor.com/a/b', false],
  ['vendor.com/-gpu', false],
  [`vendor.com/${'x'.repeat(63)}`, true],
  [`vendor.com/${'x'.repeat(64)}`, false],
  // 253 characters with the nine of `requests.`
  [`${'x'.repeat(244)}/gpu`, true],
  [`${'x'.repeat(245)}/gpu`, false],
];

for (const [name, extended] of cases) {
  test(`isExtendedResourceName(${name.slice(0, 40)}) is ${extended}`, () => {
    assert.equal(isExtendedResourceName(name), extended);
  });
}
