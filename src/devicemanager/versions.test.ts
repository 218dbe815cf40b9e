import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pluginApiVersions } from './versions.ts';

const rows = new Map(pluginApiVersions().map((row) => [row.kubernetes, row]));

test('pluginApiVersions says what Kubernetes’ own table says of 1.21 to 1.26', () => {
  for (const minor of [21, 22, 23, 24, 25, 26]) {
    assert.deepEqual(rows.get(`1.${minor}`)?.apis, { v1alpha1: false, v1beta1: true });
  }
});

test('pluginApiVersions changes from one version to the other at 1.10', () => {
  assert.deepEqual(rows.get('1.8')?.apis, { v1alpha1: true, v1beta1: false });
  assert.deepEqual(rows.get('1.9')?.apis, { v1alpha1: true, v1beta1: false });
  assert.deepEqual(rows.get('1.10')?.apis, { v1alpha1: false, v1beta1: true });
  assert.deepEqual(rows.get('1.7'), undefined);
});

test('pluginApiVersions names what is new once', () => {
  const named = [...rows.values()].flatMap(({ kubernetes, new: more }) =>
    more.map((what) => [kubernetes, what]),
  );
  assert.deepEqual(named, [
    ['1.17', 'topology of devices'],
    ['1.19', 'GetPreferredAllocation'],
    ['1.28', 'CDI devices'],
  ]);
});
