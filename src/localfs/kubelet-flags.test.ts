import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor } from '../../test/runtime.ts';
import { readKubeletConfig } from './kubelet-config.ts';
import { flagsOf, kubeletFlags } from './kubelet-flags.ts';

test('flagsOf reads joined, separate and bare flags', () => {
  const flags = flagsOf(['server', '--a=1=2', '--b', 'x', '--bare', '-v', '4', '--empty=']);
  assert.deepEqual(
    [...flags],
    [
      ['a', '1=2'],
      ['b', 'x'],
      ['bare', 'true'],
      ['v', '4'],
      ['empty', ''],
    ],
  );
});

test('kubeletFlags puts the administrator’s flags over kubeadm’s, and the process’s over both', async (t) => {
  const root = folderFor(t, 'kubelet');
  const etc = join(root, 'etc');
  const proc = join(root, 'proc');
  mkdirSync(join(etc, 'default'), { recursive: true });
  mkdirSync(join(proc, '77'), { recursive: true });
  writeFileSync(
    join(root, 'kubeadm-flags.env'),
    'KUBELET_KUBEADM_ARGS="--a=kubeadm --b=kubeadm --c=kubeadm"\n',
  );
  writeFileSync(join(etc, 'default/kubelet'), "# --a=no\nKUBELET_EXTRA_ARGS='--b=admin --c=admin'\n");
  writeFileSync(
    join(proc, '77/cmdline'),
    ['/usr/bin/kubelet', `--root-dir=${root}`, '--c', 'process', ''].join('\0'),
  );
  const flags = await kubeletFlags(root, { etc, proc });
  assert.deepEqual([flags.get('a'), flags.get('b'), flags.get('c')], ['kubeadm', 'admin', 'process']);
});

test('readKubeletConfig lets flags count for more than the file, and finds the file that --config names', async (t) => {
  const root = folderFor(t, 'kubelet');
  const file = join(root, 'elsewhere.yaml');
  writeFileSync(
    file,
    'cpuManagerPolicy: none\nmemoryManagerPolicy: Static\nfeatureGates: {A: true, B: true}\n',
  );
  const words = ['--cpu-manager-policy=static', '--reserved-cpus=0-1', '--feature-gates=B=false,C=true'];
  const config = await readKubeletConfig(root, undefined, flagsOf([`--config=${file}`, ...words]));
  assert.equal(config?.cpuManagerPolicy, 'static');
  assert.equal(config?.memoryManagerPolicy, 'Static');
  assert.deepEqual(config?.reservedCpus, [0, 1]);
  assert.deepEqual([...(config?.featureGates ?? [])], ['A', 'C']);
  assert.equal(await readKubeletConfig(root), undefined);
  assert.equal((await readKubeletConfig(root, undefined, flagsOf(words)))?.cpuManagerPolicy, 'static');
});
