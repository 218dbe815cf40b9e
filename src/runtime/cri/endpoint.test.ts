import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor } from '../../../test/runtime.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { discoverEndpoint, parseEndpoint, usualSockets } from './endpoint.ts';

test('parseEndpoint takes unix sockets and refuses the rest, naming the setting', () => {
  for (const text of ['unix:///run/x.sock', 'unix:/run/x.sock', '/run/x.sock']) {
    assert.equal(parseEndpoint(text, '--e'), '/run/x.sock');
  }
  for (const text of [
    'tcp://1.2.3.4:5',
    'npipe:////./pipe/x',
    'run/x.sock',
    '',
    'unix://run/x',
    `/${'x'.repeat(107)}`,
    '/a\0b',
  ]) {
    assert.throws(
      () => parseEndpoint(text, '--e'),
      (error: unknown) => {
        assert.ok(error instanceof CodedError);
        assert.equal(error.code, 'invalid-argument');
        assert.ok(error.message.startsWith('--e is '), error.message);
        return true;
      },
    );
  }
});

test('discoverEndpoint: flag, kubeadm, kubelet, crictl, usual sockets, in this order', async (t) => {
  const root = folderFor(t, 'root');
  const kubeletRoot = join(root, 'kubelet');
  for (const name of ['etc', 'kubelet', 'run/containerd', 'var/run/crio'])
    mkdirSync(join(root, name), { recursive: true });
  const ask = (flag?: string) => discoverEndpoint({ flag, kubeletRoot, root });
  assert.equal(await ask(), undefined);
  // The order in which they are made is from the weakest on: each new one wins.
  for (const socket of usualSockets.slice(0, 2).reverse()) {
    const server = createServer().listen(join(root, socket));
    await new Promise((done) => server.once('listening', done));
    t.after(() => server.close());
    assert.deepEqual(await ask(), { path: join(root, socket), from: 'a usual socket' });
  }
  const write = (name: string, text: string): string => {
    writeFileSync(join(root, name), text);
    return join(root, name);
  };
  const crictl = write('etc/crictl.yaml', 'runtime-endpoint: unix:///run/a.sock\ntimeout: 2\n');
  assert.deepEqual(await ask(), { path: '/run/a.sock', from: crictl });
  const kubelet = write(
    'kubelet/config.yaml',
    'kind: KubeletConfiguration\ncontainerRuntimeEndpoint: unix:///run/b.sock\n',
  );
  assert.deepEqual(await ask(), { path: '/run/b.sock', from: kubelet });
  const kubeadm = write(
    'kubelet/kubeadm-flags.env',
    'KUBELET_KUBEADM_ARGS="--a=b --container-runtime-endpoint=unix:///run/c.sock --d=e"\n',
  );
  assert.deepEqual(await ask(), { path: '/run/c.sock', from: kubeadm });
  assert.deepEqual(await ask('unix:///run/d.sock'), {
    path: '/run/d.sock',
    from: '--container-runtime-endpoint',
  });
});

test('discoverEndpoint passes over settings that are empty and refuses files that are no YAML', async (t) => {
  const root = folderFor(t, 'root');
  mkdirSync(join(root, 'etc'));
  const ask = () => discoverEndpoint({ kubeletRoot: root, root });
  writeFileSync(join(root, 'config.yaml'), 'containerRuntimeEndpoint: ""\n');
  writeFileSync(join(root, 'etc/crictl.yaml'), '');
  assert.equal(await ask(), undefined);
  writeFileSync(join(root, 'etc/crictl.yaml'), '[');
  await assert.rejects(ask, (error: unknown) => error instanceof CodedError && error.code === 'corrupt');
});
