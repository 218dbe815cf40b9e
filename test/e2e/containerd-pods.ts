/** Pods of a daemon over a containerd of its own, and what they have printed. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startContainerd } from '../engines/containerd.ts';
import { makeRootfs, writeImage } from '../engines/image.ts';
import { startRegistry } from '../engines/registry.ts';
import { until } from '../runtime.ts';
import { TestNode } from './node.ts';

export interface PodMachineOptions {
  handler: 'crun' | 'runc';
  /** How the image came to containerd; one that was loaded is known to it by its id alone. */
  arrives?: 'pulled' | 'loaded';
  /** Of `fixtures/programs`. */
  programs?: readonly string[];
  /** Name and text of each manifest; {@link pair} where left out. */
  manifests?: (image: string, shared: string) => Readonly<Record<string, string>>;
}

/** A node over containerd, and in it pods. */
export async function podMachine(t: TestContext, options: PodMachineOptions) {
  const { handler, arrives = 'pulled', programs = ['counter'] } = options;
  const { manifests = (image, folder) => ({ pair: pair(image, folder) }) } = options;
  const folder = mkdtempSync(join(tmpdir(), 'stasis-p-'));
  const socket = `unix://${join(folder, 'c/containerd.sock')}`;
  // Made first, so that its pods are ended before containerd is.
  const node = new TestNode(t, ['--container-runtime-endpoint', socket]);
  const rootfs = join(folder, 'rootfs');
  await makeRootfs(rootfs, programs);
  const containerd = await startContainerd(join(folder, 'c'), rootfs, process.env['PATH'], handler);
  const registry = await startRegistry();
  t.after(async () => {
    await containerd.stop();
    await registry.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const image = `${registry.host}/program:1`;
  await writeImage(join(folder, 'image.tar'), rootfs, image, ['/bin/sleep']);
  registry.serve(`${join(folder, 'image.tar')}.layout`);
  if (arrives === 'pulled') await containerd.images.pullImage({ image: { image } });
  else await containerd.load(join(folder, 'image.tar'));
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  for (const [name, text] of Object.entries(manifests(image, shared))) node.manifest(name, text);
  await node.start();
  return { node, containerd, registry, folder, shared };
}

/** A pod of two containers that count and share a folder; the second holds a file of it open. */
export function pair(image: string, shared: string): string {
  const counts = (name: string, first: string): string =>
    `{name: ${name}, image: "${image}", volumeMounts: [{name: shared, mountPath: /shared}], command: [/bin/sh, -c,
      "${first}; n=0; while true; do n=$((n+1)); echo $n; sleep 0.1; done"]}`;
  const containers = [counts('a', 'echo here > /shared/seen'), counts('b', 'exec 3>/shared/held')];
  return `{apiVersion: v1, kind: Pod, metadata: {name: pair}, spec: {hostNetwork: true, terminationGracePeriodSeconds: 0,
    volumes: [{name: shared, hostPath: {path: "${shared}"}}], containers: [${containers}]}}`;
}

/** Of the containers of {@link pair}. */
export const names = ['a', 'b'] as const;

export function numbers(node: TestNode, pod: string, container: string): number[] {
  return node
    .output(pod, container)
    .filter((line) => /^\d+$/.test(line))
    .map(Number);
}

/** Both count, and have reached at least so much. */
export async function counting(
  node: TestNode,
  pod: string,
  least: number,
  containers: readonly string[] = names,
): Promise<void> {
  for (const name of containers) {
    await node.running(pod, name);
    const before = numbers(node, pod, name).length;
    await until(`${pod}/${name} counts beyond ${least}`, () => {
      const found = numbers(node, pod, name);
      return found.length > before + 2 && (found.at(-1) ?? 0) > least;
    });
  }
}

/** The first number that was printed since then. */
export function firstSince(node: TestNode, pod: string, container: string, since: Date): number | undefined {
  const logs = join(node.root, 'pod-logs');
  const folder = readdirSync(logs).find((name) => name.split('_')[1] === pod) ?? '';
  const lines = readFileSync(join(logs, folder, container, '0.log'), 'utf8').split('\n');
  const found = lines.find((line) => new Date(line.split(' ')[0] ?? '') >= since);
  return found === undefined ? undefined : Number(found.split(' ').at(-1));
}

/** Every container has counted without a gap and without starting anew. */
export function wentOn(node: TestNode, pod: string, containers: readonly string[] = names): void {
  for (const name of containers) {
    const found = numbers(node, pod, name);
    assert.equal(found.filter((number) => number === 1).length <= 1, true, `${pod}/${name} started anew`);
    assert.ok(
      found.every((number, at) => at === 0 || number === (found[at - 1] ?? 0) + 1),
      `${pod}/${name} counts without a gap: ${found.join(' ')}`,
    );
  }
}
