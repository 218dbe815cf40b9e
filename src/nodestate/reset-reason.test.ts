import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor } from '../../test/runtime.ts';
import { encodeAs } from '../checkpointmanager/define.ts';
import { cpuManager } from '../kubeletstate/cpu-manager.ts';
import { examine } from './examine.ts';
import { recordBoot, resetReason } from './reset-reason.ts';

const state = (shared: string): Uint8Array =>
  encodeAs(cpuManager.version('v2'), {
    PolicyName: 'static',
    DefaultCPUSet: shared,
    Entries: new Map(),
    Checksum: 0n,
  });

test('resetReason is given once for each boot, and only for what was written before it', async (t) => {
  const path = join(folderFor(t, 'reset'), 'cpu_manager_state');
  writeFileSync(path, state('0-3'), { mode: 0o600 });
  const written = statSync(path).mtimeMs;
  const files = await examine(path, { facts: {}, gates: new Set(), onNode: false });
  const file = files[0];
  assert.ok(file);
  const first = { bootId: 'one', bootTime: written + 1000 };
  const afterReboot = true;
  assert.match((await resetReason(file, first, { afterReboot })) ?? '', /before the machine was booted/);
  assert.equal(await resetReason(file, first, { afterReboot: false }), undefined);
  assert.equal(await resetReason(file, { ...first, bootTime: written - 1000 }, { afterReboot }), undefined);
  assert.equal(await resetReason(file, { bootTime: written + 1000 }, { afterReboot }), undefined);
  await recordBoot(files, first);
  assert.equal(await resetReason(file, first, { afterReboot }), undefined);
  const second = { ...first, bootId: 'two' };
  assert.ok(await resetReason(file, second, { afterReboot }), 'of the next boot again');
});
