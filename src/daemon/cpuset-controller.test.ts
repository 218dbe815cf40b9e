import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor } from '../../test/runtime.ts';
import { hasCpuset } from './cpuset-controller.ts';

test('hasCpuset + what the mounted hierarchies offer, whatever else the kernel has', async (t) => {
  const folder = folderFor(t, 'cgroups');
  const unified = (name: string, controllers: string) => {
    const point = join(folder, name);
    mkdirSync(point);
    writeFileSync(join(point, 'cgroup.controllers'), `${controllers}\n`);
    return { type: 'cgroup2', point, options: ['rw'] };
  };
  const without = unified('without', 'cpu io memory');
  const old = (...controllers: string[]) => ({
    ...{ type: 'cgroup', point: join(folder, 'old'), options: ['rw', ...controllers] },
  });
  assert.equal(await hasCpuset([]), false);
  assert.equal(await hasCpuset([unified('bare', ''), { ...without, type: 'tmpfs' }]), false);
  assert.equal(await hasCpuset([without, old('cpu', 'cpuacct')]), false);
  assert.equal(await hasCpuset([without, unified('with', 'cpuset cpu io')]), true);
  assert.equal(await hasCpuset([without, old('cpuset')]), true);
  assert.equal(await hasCpuset([{ type: 'cgroup2', point: join(folder, 'gone'), options: [] }]), false);
});
