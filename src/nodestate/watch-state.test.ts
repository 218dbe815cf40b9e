import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor } from '../../test/runtime.ts';
import { encodeAs } from '../checkpointmanager/define.ts';
import { cpuManager } from '../kubeletstate/cpu-manager.ts';
import { writeFileAtomic } from '../localfs/atomic-file.ts';
import { listGenerations } from '../localfs/generations.ts';
import { watchState } from './watch-state.ts';

const state = (shared: string): Uint8Array =>
  encodeAs(cpuManager.version('v2'), {
    PolicyName: 'static',
    DefaultCPUSet: shared,
    Entries: new Map(),
    Checksum: 0n,
  });

test('watchState gives what is there and each change, keeps good states, and ends at the signal', async (t) => {
  const root = folderFor(t, 'watch');
  const path = join(root, 'cpu_manager_state');
  writeFileSync(path, state('0-3'), { mode: 0o600 });
  const stop = new AbortController();
  const options = { facts: {}, gates: new Set<string>(), onNode: false };
  const next: (() => unknown)[] = [
    () => writeFileAtomic(path, state('0-5')),
    () => writeFileAtomic(path, new TextEncoder().encode('{"policyName":"st')),
    () => rmSync(path),
  ];
  const seen: unknown[] = [];
  for await (const { examined, removed } of watchState(root, options, { keep: 5, signal: stop.signal })) {
    seen.push([examined.report.kind, examined.report.valid, removed]);
    const act = next.shift();
    if (act) await act();
    else stop.abort();
  }
  assert.deepEqual(seen, [
    ['cpu-manager', true, false],
    ['cpu-manager', true, false],
    ['cpu-manager', false, false],
    ['cpu-manager', false, true],
  ]);
  const kept = await listGenerations(root, 'cpu_manager_state');
  const texts = kept.map((each) => readFileSync(each.path, 'utf8'));
  assert.deepEqual(
    texts.map((text) => /"defaultCpuSet":"([^"]*)"/.exec(text)?.[1]),
    ['0-5', '0-3'],
  );
});
