import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isCoded } from '../errors/coded-error.ts';
import { checkpointedContainer, checkpointedPod } from '../kubeletstate/checkpointed-pods.ts';
import { CheckpointsDirectory } from './checkpoints-directory.ts';

async function scratch(t: TestContext): Promise<CheckpointsDirectory> {
  const folder = await mkdtemp(join(tmpdir(), 'stasis-checkpoints-'));
  t.after(() => rm(folder, { recursive: true }));
  return new CheckpointsDirectory(join(folder, 'kubelet', 'checkpoints'));
}

const pod = (sandboxId: string, name = 'redis') =>
  checkpointedPod({
    sandboxId,
    name,
    namespace: 'default',
    containers: [checkpointedContainer({ name: 'c', image: 'i' })],
  });

const at = new Date('2026-01-02T03:04:05Z');

test('CheckpointsDirectory addPod makes the directory 0700 and the list 0600', async (t) => {
  const directory = await scratch(t);
  assert.equal(await directory.read(), undefined);
  assert.deepEqual(await directory.list(), []);
  await directory.addPod(pod('s1'));
  assert.equal((await stat(directory.path)).mode & 0o777, 0o700);
  assert.equal((await stat(directory.listPath)).mode & 0o777, 0o600);
  assert.deepEqual((await directory.read())?.pods, [pod('s1')]);
  const visible = (await readdir(directory.path)).filter((name) => !name.startsWith('.'));
  assert.deepEqual(visible, ['checkpointed.pods']);
});

test('CheckpointsDirectory addPod replaces an entry of the same sandbox where it stands', async (t) => {
  const directory = await scratch(t);
  for (const id of ['s1', 's2', 's3']) await directory.addPod(pod(id));
  await directory.addPod(pod('s2', 'renamed'));
  const names = (await directory.read())?.pods.map(({ sandboxId, name }) => `${sandboxId} ${name}`);
  assert.deepEqual(names, ['s1 redis', 's2 renamed', 's3 redis']);
});

test('CheckpointsDirectory list says which archives are there, and never looks outside', async (t) => {
  const directory = await scratch(t);
  await directory.addPod(pod('s1'));
  await directory.addPod(pod('s2'));
  await directory.update((list) => ({ ...list, pods: [...list.pods, pod('../outside')] }));
  await writeFile(join(directory.path, 's2.tar'), '');
  await writeFile(join(directory.path, '..', 'outside.tar'), '');
  const listed = (await directory.list()).map(({ archive, found }) => [archive, found]);
  assert.deepEqual(listed, [
    [join(directory.path, 's1.tar'), false],
    [join(directory.path, 's2.tar'), true],
    [undefined, false],
  ]);
  await assert.rejects(directory.addPod(pod('../x')), (error) => isCoded(error, 'invalid-argument'));
});

test('CheckpointsDirectory marks a restore once, and keeps unknown members', async (t) => {
  const directory = await scratch(t);
  await mkdir(directory.path, { recursive: true });
  await writeFile(
    directory.listPath,
    '{"version":0,"CheckpointedPods":[{"SandboxID":"s","later":[1]}],"x":1}',
  );
  assert.equal((await directory.markRestoring('s', at)).restoring, '');
  assert.equal((await directory.markRestoring('s', at)).restoring, '2026-01-02T03:04:05.000Z');
  await directory.clearRestoring('s');
  assert.equal((await directory.markRestored('s', at)).restoring, '');
  assert.equal((await directory.markRestoring('s', at)).restored, '2026-01-02T03:04:05.000Z');
  const text = await readFile(directory.listPath, 'utf8');
  assert.match(text, /"io.stasis.restored": "2026-01-02T03:04:05.000Z",\s+"later": \[\s+1\s+\]/);
  assert.match(text, /"x": 1/);
  assert.doesNotMatch(text, /restoring/);
  await assert.rejects(directory.markRestored('other', at), (error) => isCoded(error, 'not-found'));
});

test('CheckpointsDirectory remove takes the entry off the list and the archive away', async (t) => {
  const directory = await scratch(t);
  await directory.addPod(pod('s1'));
  await directory.addPod(pod('s2'));
  await writeFile(directory.archivePath('s1'), 'memory');
  await directory.remove(['s1', 'unknown']);
  assert.deepEqual(
    (await directory.list()).map(({ pod: { sandboxId } }) => sandboxId),
    ['s2'],
  );
  await assert.rejects(stat(directory.archivePath('s1')));
});

test('CheckpointsDirectory loses no entry when many add at once', async (t) => {
  const directory = await scratch(t);
  const ids = Array.from({ length: 20 }, (_, index) => `s${index}`);
  await Promise.all(ids.map((id) => new CheckpointsDirectory(directory.path).addPod(pod(id))));
  const listed = (await directory.read())?.pods.map(({ sandboxId }) => sandboxId).sort();
  assert.deepEqual(listed, [...ids].sort());
});

test('CheckpointsDirectory read refuses what is no list, naming the file', async (t) => {
  const directory = await scratch(t);
  await mkdir(directory.path, { recursive: true });
  await writeFile(directory.listPath, '{"version":');
  const message = `Error unmarshalling JSON from "${directory.listPath}": unexpected end of JSON input`;
  await assert.rejects(directory.read(), (error) => isCoded(error, 'corrupt') && error.message === message);
  await assert.rejects(directory.addPod(pod('s')), (error) => isCoded(error, 'corrupt'));
  assert.equal(await readFile(directory.listPath, 'utf8'), '{"version":');
});

test('CheckpointsDirectory replaces a link in place of the list instead of writing through it', async (t) => {
  const directory = await scratch(t);
  await mkdir(directory.path, { recursive: true });
  const outside = join(directory.path, '..', 'outside');
  await writeFile(outside, '{"version":0,"CheckpointedPods":null}');
  await symlink(outside, directory.listPath);
  await directory.addPod(pod('s'));
  assert.equal(await readFile(outside, 'utf8'), '{"version":0,"CheckpointedPods":null}');
});
