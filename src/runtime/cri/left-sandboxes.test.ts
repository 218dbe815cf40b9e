import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor } from '../../../test/runtime.ts';
import { dockershim } from '../../kubeletstate/dockershim.ts';
import { leftSandboxes } from './left-sandboxes.ts';

const mapping = { Protocol: 'tcp', ContainerPort: 80n, HostPort: 8080n, HostIP: '127.0.0.1' };
const sandbox = (name: string, data: object) =>
  dockershim.encode({ Version: 'v1', Name: name, Namespace: 'shop', Data: data, Checksum: 0n });

test('leftSandboxes: pods, ports and network of whole files, and what is wrong with others', async (t) => {
  const parent = folderFor(t, 'left');
  const folder = join(parent, 'dockershim/sandbox');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'a1'), sandbox('web', { PortMappings: [mapping], HostNetwork: false }));
  writeFileSync(join(folder, 'b2'), sandbox('agent', { PortMappings: null, HostNetwork: true }));
  const text = new TextDecoder().decode(sandbox('web', { PortMappings: [mapping], HostNetwork: false }));
  writeFileSync(join(folder, 'c3'), text.replace('8080', '9090'));
  writeFileSync(join(folder, 'd4'), 'not JSON');
  writeFileSync(join(folder, '.tmp'), '');
  const found = await leftSandboxes(parent);
  assert.deepEqual(found.slice(0, 2), [
    {
      file: join(folder, 'a1'),
      namespace: 'shop',
      pod: 'web',
      hostNetwork: false,
      ports: ['127.0.0.1:8080 to 80/tcp'],
    },
    { file: join(folder, 'b2'), namespace: 'shop', pod: 'agent', hostNetwork: true, ports: [] },
  ]);
  const [, , changed, broken] = found;
  assert.deepEqual(changed?.ports, ['127.0.0.1:9090 to 80/tcp']);
  assert.match(changed?.problem ?? '', /corrupt|checksum/i);
  assert.ok((broken?.problem ?? '') !== '');
  assert.equal(found.length, 4);
});

test('leftSandboxes: nothing where neither was', async (t) => {
  assert.deepEqual(await leftSandboxes(folderFor(t, 'none')), []);
});
