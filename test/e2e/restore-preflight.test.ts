import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { makeRootfs } from '../engines/image.ts';
import { folderFor, needsRuntime } from '../runtime.ts';
import { signal, TestNode } from './node.ts';

const image = mkdtempSync(join(tmpdir(), 'stasis-image-'));
before(async () => {
  if (!needsRuntime.skip) await makeRootfs(image, ['counter']);
});

test('a dry run of a restore lists what is missing and touches nothing', needsRuntime, async (t) => {
  const data = join(folderFor(t, 'data'), 'here');
  mkdirSync(data);
  const node = new TestNode(t);
  node.manifest(
    'one',
    `
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: default}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: data, hostPath: {path: ${data}, type: Directory}}]
  containers:
  - {name: main, image: "rootdir:${image}", command: [/bin/counter], volumeMounts: [{name: data, mountPath: /data}]}
`,
  );
  await node.start();
  await node.running('one', 'main');
  const client = node.client();
  const target = { namespace: 'default', pod: 'one', container: 'main' };
  const container = await client.makeContainerCheckpoint(target, undefined, signal());
  const whole = await client.checkpointPod('default', 'one', undefined, signal());
  const pods = async () => (await client.pods(signal())).items.map(({ name, uid }) => [name, uid]);
  const files = (): string[] => [
    ...readdirSync(join(node.root, 'stasis'), { recursive: true, encoding: 'utf8' }),
    ...readdirSync(node.checkpoints),
    ...readdirSync(join(node.root, 'pods')),
  ];
  const [podsBefore, filesBefore] = [await pods(), files()];

  const free = await client.restorePreflight({ checkpoint: container.name }, signal());
  assert.deepEqual([free.pod.name, free.missing, free.pulls], ['restored-main', [], []]);
  const named = await client.restorePreflight({ archive: whole.archive, name: 'two' }, signal());
  assert.deepEqual([named.pod.name, named.missing], ['two', []]);
  const same = await client.restorePreflight({ archive: whole.archive }, signal());
  assert.match(same.missing.join(), /^name: this node has a pod default\/one already/);
  const said = await node.stasis('restore', '--dry-run', '--name', 'two', whole.archive);
  assert.deepEqual(
    [said.status, said.stdout],
    [0, 'pod default/two: this node lacks nothing for it\n'],
    said.stderr,
  );

  // On a node that has not seen its image.
  const other = new TestNode(t);
  await other.start();
  const elsewhere = await other.client().restorePreflight({ archive: whole.archive }, signal());
  assert.deepEqual([elsewhere.missing, elsewhere.pulls], [[], [`rootdir:${image}`]]);
  const text = await other.stasis('restore', '--dry-run', whole.archive);
  assert.equal(text.status, 0);
  assert.match(text.stdout, /image rootdir:\S+ is not here and would be fetched/);
  assert.deepEqual((await other.pods()).length, 0);

  // Without its volume.
  renameSync(data, `${data}-away`);
  const lacking = await client.restorePreflight({ archive: whole.archive, name: 'two' }, signal());
  assert.match(lacking.missing.join('; '), new RegExp(`volume data: there is no ${data} here`));
  const missing = await node.stasis('restore', '--dry-run', '--name', 'two', whole.archive);
  assert.equal(missing.status, 1);
  assert.match(missing.stdout, /cannot be restored here, this node lacks:\n {2}volume data: there is no/);
  await assert.rejects(client.restore({ archive: whole.archive, name: 'two' }, signal()), {
    message: new RegExp(`there is no ${data} here`),
  });
  renameSync(`${data}-away`, data);

  for (const asked of [{}, { checkpoint: container.name, archive: whole.archive }]) {
    await assert.rejects(client.restorePreflight(asked, signal()), /one of checkpoint and archive/);
  }
  for (const checkpoint of ['../x.tar', 'none.tar', 'checkpointed.pods']) {
    await assert.rejects(client.restorePreflight({ checkpoint }, signal()));
  }
  await assert.rejects(client.restorePreflight({ archive: '/etc/passwd' }, signal()));
  assert.deepEqual(await pods(), podsBefore);
  assert.deepEqual(files(), filesBefore);
});
