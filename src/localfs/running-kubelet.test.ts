import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { folderFor } from '../../test/runtime.ts';
import { runningKubelet } from './running-kubelet.ts';

it('runningKubelet finds the process that works with this root, and no other', async () => {
  const root = mkdtempSync(join(tmpdir(), 'kubelet-'));
  const script = 'process.stdout.write("up"); setInterval(() => {}, 1000)';
  const child = spawn(process.execPath, ['-e', script, '--', `--root-dir=${root}`], {
    argv0: '/usr/bin/kubelet',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    assert.equal((await runningKubelet(root))?.pid, child.pid);
    assert.equal(await runningKubelet(join(root, 'other')), undefined);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  assert.equal(await runningKubelet(root), undefined);
  rmSync(root, { recursive: true });
});

it('runningKubelet believes a socket that answers', async () => {
  const root = mkdtempSync(join(tmpdir(), 'kubelet-'));
  mkdirSync(join(root, 'pod-resources'));
  const server = createServer().listen(join(root, 'pod-resources/kubelet.sock'));
  await once(server, 'listening');
  assert.match((await runningKubelet(root))?.how ?? '', /answers on .*pod-resources/);
  server.close();
  await once(server, 'close');
  rmSync(root, { recursive: true });
});

it('runningKubelet believes the lock file of --lock-file as long as somebody holds it', async (t) => {
  const root = folderFor(t, 'kubelet');
  const lock = join(root, 'kubelet.lock');
  writeFileSync(lock, '');
  writeFileSync(join(root, 'kubeadm-flags.env'), `KUBELET_KUBEADM_ARGS="--lock-file=${lock} --v=2"\n`);
  assert.equal(await runningKubelet(root), undefined);
  const holder = spawn('flock', [lock, '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await once(holder.stdout, 'data');
    assert.match((await runningKubelet(root))?.how ?? '', /^process [0-9]+ holds the kubelet’s lock file \//);
  } finally {
    holder.stdin.end();
    await once(holder, 'close');
  }
  assert.equal(await runningKubelet(root), undefined);
});
