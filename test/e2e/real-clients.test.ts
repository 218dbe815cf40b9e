import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startContainerd } from '../engines/containerd.ts';
import { makeRootfs, writeImage } from '../engines/image.ts';
import { must } from '../engines/program.ts';
import { startRegistry } from '../engines/registry.ts';
import { atEnd, needsRuntime, until } from '../runtime.ts';
import { ask } from '../server/harness.ts';
import { trust } from './kubelet-machine.ts';
import { TestNode } from './node.ts';

interface CountingNode {
  folder: string;
  node: TestNode;
  /** Path of a file in the folder, with this in it. */
  file(name: string, text: string): string;
  numbers(pod: string): number[];
}

/** A daemon on containerd with a pod that counts; a client certificate and a token are let in. */
async function countingNode(t: TestContext): Promise<CountingNode> {
  const folder = mkdtempSync(join(tmpdir(), 'stasis-r-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const node = new TestNode(t, [
    ...['--container-runtime-endpoint', `unix://${join(folder, 'c/containerd.sock')}`],
    ...['--tls-cert-file', file('server.crt', trust.server.certificate)],
    ...['--tls-private-key-file', file('server.key', trust.server.key)],
    ...['--client-ca-file', file('ca.crt', trust.ca.certificate)],
    ...['--token-auth-file', file('tokens.csv', 'good-token,alice,1\n')],
  ]);
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  const registry = await startRegistry();
  atEnd(t, () => registry.close());
  await makeRootfs(join(folder, 'rootfs'));
  const containerd = await startContainerd(join(folder, 'c'), join(folder, 'rootfs'));
  atEnd(t, () => containerd.stop());
  const image = `${registry.host}/counter:1`;
  await writeImage(join(folder, 'image.tar'), join(folder, 'rootfs'), image, ['/bin/counter']);
  registry.serve(`${join(folder, 'image.tar')}.layout`);
  const spec = `terminationGracePeriodSeconds: 0, containers: [{name: c, image: "${image}"}]`;
  node.manifest('count', `{apiVersion: v1, kind: Pod, metadata: {name: count}, spec: {${spec}}}`);
  await node.start();
  const numbers = (pod: string): number[] =>
    node
      .output(pod, 'c')
      .flatMap((line) => /^parent (\d+)$/.exec(line)?.[1] ?? [])
      .map(Number);
  await node.running('count', 'c');
  await until('it counts', () => numbers('count').length > 5);
  return { folder, node, file, numbers };
}

const path = '/checkpoint/default/count/c';

test(
  'curl checkpoints a container of containerd by certificate and by token, and what it got goes on in a new pod',
  needsRuntime,
  async (t) => {
    const { node, file, numbers } = await countingNode(t);
    const url = node.file().server + path;
    const common = [
      '--silent',
      '--show-error',
      '--fail-with-body',
      '--cacert',
      file('ca.pem', trust.ca.certificate),
    ];
    const certificate = [
      '--cert',
      file('a.crt', trust.admin.certificate),
      '--key',
      file('a.key', trust.admin.key),
    ];
    const token = ['--header', 'Authorization: Bearer good-token'];
    await assert.rejects(must('curl', [...common, '--request', 'POST', url]), /401/);
    for (const [who, flags] of [
      ['certificate', certificate],
      ['token', token],
    ] as const) {
      const answer = JSON.parse(await must('curl', [...common, ...flags, '--request', 'POST', url]));
      const [archive = ''] = answer.items;
      assert.ok(existsSync(archive));
      const reached = numbers('count').length;
      await until('the pod goes on', () => numbers('count').length > reached);
      const restored = await node.stasis('restore', archive, '--name', `by-${who}`);
      assert.equal(restored.status, 0, restored.stderr);
      await until('the new pod goes on', () => numbers(`by-${who}`).length > 3);
      const all = numbers(`by-${who}`);
      assert.ok((all.at(-1) ?? 0) > 5 && all.filter((number) => number === 1).length === 1, String(all));
    }
  },
);

test('kubectl create --raw reaches it through a server that proxies to nodes', needsRuntime, async (t) => {
  const { node, file } = await countingNode(t);
  const port = Number(new URL(node.file().server).port);
  const tls = { cert: trust.server.certificate, key: trust.server.key };
  const proxy = createServer(tls, (request, response) => {
    const [, rest = ''] = /^\/api\/v1\/nodes\/[^/]+\/proxy(\/.*)$/.exec(request.url ?? '') ?? [];
    void ask(trust, port, rest, { as: trust.admin, method: request.method ?? 'GET' }).then((answer) => {
      const type = answer.headers['content-type'] ?? 'text/plain';
      response.writeHead(answer.status, { 'content-type': type }).end(answer.body);
    });
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  atEnd(t, () => proxy.close());
  const server = `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const authority = file('proxy-ca.pem', trust.ca.certificate);
  const where = [`--server=${server}`, `--certificate-authority=${authority}`, '--token=x'];
  const raw = ['create', '--raw', `/api/v1/nodes/here/proxy${path}`, '--filename', file('empty', '')];
  const answer = JSON.parse(await must('kubectl', [...where, ...raw]));
  assert.equal(answer.items.length, 1);
  assert.ok(existsSync(answer.items[0]));
});
