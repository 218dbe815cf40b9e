import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { encodeAs } from '../../src/checkpointmanager/define.ts';
import { cpuManager } from '../../src/kubeletstate/cpu-manager.ts';
import { needsRuntime, project, runFor } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/kubelet-state');

const damaged = '{"policyName":"none","defaultCpuSet":"","checksum":1}';

test('state files are repaired over the API when that is said in so many words', needsRuntime, async (t) => {
  const node = new TestNode(t);
  await node.start();
  const client = node.client();
  const path = join(node.root, 'cpu_manager_state');
  writeFileSync(path, damaged, { mode: 0o600 });
  const names = readdirSync(node.root).sort();

  const planned = await client.repairState({}, signal());
  assert.equal(planned.applied, false);
  const [plan] = planned.items.filter(({ name }) => name === 'cpu_manager_state');
  assert.match(plan?.steps.join() ?? '', /recompute the checksum/);
  assert.equal(readFileSync(path, 'utf8'), damaged, 'a plan touches nothing');

  // The daemon answers where a kubelet would: what it holds in memory and the file would differ.
  await assert.rejects(client.repairState({ apply: true }, signal()), {
    code: 'failed-precondition',
    message: /a kubelet is running: a process answers on .*kubelet\.sock/,
    hint: /or insist with force/,
  });
  assert.equal(readFileSync(path, 'utf8'), damaged);
  assert.deepEqual(readdirSync(node.root).sort(), names);

  const done = await client.repairState({ files: ['cpu_manager_state'], apply: true, force: true }, signal());
  assert.equal(done.applied, true);
  const aside = done.items[0]?.setAside ?? '';
  assert.equal(readFileSync(aside, 'utf8'), damaged);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const verdict = (await client.verifyState(signal())).items.find((one) => one.path === path);
  assert.equal(verdict?.valid, true);
  const line = node.log.split('\n').find((text) => text.includes('"changed"')) ?? '{}';
  const audit = JSON.parse(line);
  assert.deepEqual([audit.verb, audit.resource, audit.changed], ['repair', 'nodes/state', [path]]);

  // By name alone, of what is in the list.
  for (const name of ['../../etc/passwd', path, '']) {
    const asked = { files: [name], apply: true, force: true };
    const refused = { code: name === '' ? 'invalid-argument' : 'not-found' };
    await assert.rejects(client.repairState(asked, signal()), refused, name);
    await assert.rejects(client.resetState(asked, signal()), refused, name);
    await assert.rejects(client.convertState({ ...asked, to: '1.31' }, signal()), refused, name);
  }
  await assert.rejects(client.stateDifferences('../../etc/passwd', signal()), { code: 'not-found' });
  await assert.rejects(client.stateDifferences('cpu_manager_state', signal()), /no earlier generation/);
  await assert.rejects(client.convertState({ to: '9.9' }, signal()), { code: 'invalid-argument' });
  await assert.rejects(client.statePreflight('1.31', 'x', signal()), { code: 'invalid-argument' });
  await assert.rejects(client.repairState({ only: ['all' as never] }, signal()), /only\[0\] is "all"/);
});

test('state files are converted and reset as the command line does it', needsRuntime, async (t) => {
  const node = new TestNode(t);
  await node.start();
  const client = node.client();
  cpSync(join(fixtures, '1.31'), node.root, { recursive: true });
  const forecast = (await client.statePreflight('1.31', '1.33', signal())).items;
  const told = await runFor(t, process.execPath, [
    ...[join(project, 'bin/stasis.cjs'), 'state', 'preflight', '--from', '1.31', '--to', '1.33'],
    ...['-o', 'json', '--root-dir', node.root],
  ]);
  assert.deepEqual(forecast, JSON.parse(told.stdout));
  assert.ok(forecast.some(({ kind, action }) => kind === 'pod-status' && action.includes('convert')));

  const name = 'pod_status_manager_state';
  const planned = await client.convertState({ to: '1.33', files: [name] }, signal());
  assert.deepEqual([planned.applied, planned.items.length], [false, 1]);
  assert.match(planned.items[0]?.steps[0] ?? '', /^1\.27 -> 1\.33, as .*allocated_pods_state$/);
  assert.match(planned.items[0]?.lost.join() ?? '', /limits/);
  assert.ok(!readdirSync(node.root).includes('allocated_pods_state'));
  const how = { to: '1.33', files: [name], apply: true };
  await assert.rejects(client.convertState(how, signal()), { code: 'failed-precondition' });
  const done = await client.convertState({ ...how, force: true }, signal());
  assert.match(done.items[0]?.setAside ?? '', /pod_status_manager_state\.converted-/);
  const found = readdirSync(node.root);
  assert.ok(found.includes('allocated_pods_state') && !found.includes(name));

  const state = encodeAs(cpuManager.version('v2'), {
    ...{ PolicyName: 'static', DefaultCPUSet: '0-3', Entries: new Map(), Checksum: 0n },
  });
  writeFileSync(join(node.root, 'cpu_manager_state'), state, { mode: 0o600 });
  writeFileSync(join(node.root, 'config.yaml'), 'cpuManagerPolicy: none\n');
  const asked = { files: ['cpu_manager_state'] };
  const reset = await client.resetState(asked, signal());
  assert.match(reset.items[0]?.steps[0] ?? '', /^set aside: configured policy "none" differs/);
  assert.ok(readFileSync(join(node.root, 'cpu_manager_state')).equals(state));
  await assert.rejects(client.resetState({ ...asked, apply: true }, signal()), {
    code: 'failed-precondition',
  });
  const gone = await client.resetState({ ...asked, apply: true, force: true }, signal());
  assert.ok(readFileSync(gone.items[0]?.setAside ?? '').equals(state));
  assert.ok(!readdirSync(node.root).includes('cpu_manager_state'));
});
