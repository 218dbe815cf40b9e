/**
 * The main job on one machine, told as it happens: two nodes, real processes, real memory. It runs in a
 * throw-away machine (`make demo`), so whatever it starts is gone when it ends.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeImage } from './images.ts';
import { DemoNode } from './node.ts';
import { ask, chapter, show, tell, until } from './story.ts';

const project = resolve(import.meta.dirname, '../..');
const stasis = join(project, 'dist/stasis');
const keys = 1000;

function makeImages(folder: string): string[] {
  const ticker = join(folder, 'ticker');
  const source = join(import.meta.dirname, 'ticker.c');
  execFileSync('gcc', ['-O2', '-pthread', '-static', '-o', ticker, source]);
  const shell = { '/bin/busybox': '/usr/bin/busybox' };
  const links = { 'bin/sh': 'busybox', 'bin/nc': 'busybox', 'bin/tail': 'busybox' };
  const images = [
    { name: 'redis', programs: { ...shell, '/usr/bin/redis-server': '/usr/bin/redis-server' }, links },
    { name: 'counters', programs: { ...shell, '/bin/ticker': ticker }, links },
  ];
  return images.map((image) => {
    const archive = join(folder, `${image.name}.tar`);
    makeImage({ ...image, name: `${image.name}:latest` }, join(folder, `${image.name}-image`), archive);
    return archive;
  });
}

const redis = (...args: string[]): string => ask('redis-cli', ['-p', '6379', ...args]);

function last(node: DemoNode, container: string): string | undefined {
  return node.printed('counters', container).at(-1);
}

function countOf(line: string): number {
  return Number(/(?:count|heard) (\d+)/.exec(line)?.[1]);
}

async function runPods(a: DemoNode): Promise<void> {
  await until('an answer of redis', 60, () => redis('ping') === 'PONG' || undefined);
  execFileSync('redis-cli', ['-p', '6379', '--pipe'], {
    input: Array.from({ length: keys }, (_, n) => `SET key:${n} value-${n * n}\r\n`).join(''),
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  tell(`redis holds ${redis('dbsize')} keys; key:31 is ${redis('get', 'key:31')}`);
  await until('the counting', 60, () => (countOf(last(a, 'counter') ?? '') > 5 ? true : undefined));
  tell(`counter says "${last(a, 'counter')}", ticker says "${last(a, 'ticker')}"`);
}

function checkpointOne(a: DemoNode, folder: string): void {
  const { server, token, certificate } = a.client();
  const authority = join(folder, 'ca.pem');
  writeFileSync(authority, certificate);
  const url = `${server}/checkpoint/default/counters/ticker`;
  const answer = show(
    'curl',
    [
      '-sS',
      '--fail-with-body',
      '--cacert',
      authority,
      '-H',
      `Authorization: Bearer ${token}`,
      '-X',
      'POST',
      url,
    ],
    { shown: `curl --cacert ca.pem -H "Authorization: Bearer $TOKEN" -X POST ${url}` },
  );
  const [archive = ''] = (JSON.parse(answer) as { items: string[] }).items;
  show(stasis, ['inspect', '--ps-tree', '--stats', archive]);
}

/** When each container stood still, by the record in its own archive: milliseconds since 1970. */
function frozenTimes(checkpoints: string): Record<string, number> {
  const list = JSON.parse(readFileSync(join(checkpoints, 'checkpointed.pods'), 'utf8')) as {
    CheckpointedPods: { SandboxID: string; Containers: Record<string, string>[] }[];
  };
  const times: Record<string, number> = {};
  for (const { SandboxID, Containers } of list.CheckpointedPods) {
    for (const { 'io.kubernetes.container.name': name = '' } of Containers) {
      const pod = join(checkpoints, `${SandboxID}.tar`);
      const container = execFileSync('tar', ['-xOf', pod, `${name}.tar`], { maxBuffer: 1 << 28 });
      const manifest = execFileSync('tar', ['-xO', 'stasis.json'], { input: container, encoding: 'utf8' });
      const { capture } = JSON.parse(manifest) as { capture: { frozenAt: string } };
      times[name] = Date.parse(capture.frozenAt);
    }
  }
  return times;
}

async function afterwards(b: DemoNode, frozen: Record<string, number>, before: Record<string, string>) {
  await until('an answer of redis on node B', 60, () => redis('ping') === 'PONG' || undefined);
  const answered: Record<string, number> = { redis: Date.now() };
  for (const container of ['counter', 'ticker']) {
    await until(`the next word of ${container} on node B`, 60, () => last(b, container));
    answered[container] = Date.now();
  }
  const names = Array.from({ length: keys }, (_, n) => `key:${n}`);
  const values = redis('mget', ...names).split('\n');
  if (redis('dbsize') !== String(keys) || values.some((value, n) => value !== `value-${n * n}`)) {
    throw new Error('redis lost keys');
  }
  tell(`redis answers with all ${keys} keys; key:31 is ${redis('get', 'key:31')}`);
  for (const container of ['counter', 'ticker']) {
    const was = before[container] ?? '';
    const first = b.printed('counters', container).at(0) ?? '';
    // The thread that prints may wake before the one that counts: the same number again is no step back.
    if (!(countOf(first) >= countOf(was))) throw new Error(`${container} went from "${was}" to "${first}"`);
    tell(`${container} said "${was}" last on node A, and "${first}" first on node B`);
  }
  for (const [container, at] of Object.entries(frozen)) {
    tell(
      `${container.padEnd(8)} ${(((answered[container] ?? 0) - at) / 1000).toFixed(2)} s from freeze to answer`,
    );
  }
}

const folder = mkdtempSync('/var/lib/stasis/demo-');
const nodes: DemoNode[] = [];
try {
  const images = makeImages(folder);
  const manifests = join(import.meta.dirname, 'manifests');

  chapter('1. Node A runs two pods: redis with keys in memory, and two containers that talk over TCP');
  const a = await DemoNode.start({ name: 'node-a', port: 10250, folder, manifests, images });
  nodes.push(a);
  await runPods(a);

  chapter('2. One container is checkpointed through the Kubelet Checkpoint API; it never stops running');
  checkpointOne(a, folder);

  chapter('3. Node A is drained: every pod is captured in one cut, then stopped');
  const checkpoints = join(a.rootDir, 'checkpoints');
  show(stasis, ['drain', '--root-dir', a.rootDir], { shown: 'stasis drain' });
  const before = { counter: last(a, 'counter') ?? '', ticker: last(a, 'ticker') ?? '' };
  await a.stop();
  show(stasis, ['show', '--target', checkpoints], { shown: 'stasis show' });

  chapter('4. The checkpoints move to node B in one file');
  const moved = join(folder, 'checkpoints.tar');
  show(stasis, ['extract', '--target', checkpoints, '-o', moved], {
    shown: 'stasis extract -o checkpoints.tar',
  });
  show(stasis, ['show', '--target', moved], { shown: 'stasis show --target checkpoints.tar' });
  const target = join(folder, 'node-b/kubelet/checkpoints');
  mkdirSync(target, { recursive: true, mode: 0o700 });
  show(stasis, ['insert', '--target', target, '-i', moved], {
    shown: 'stasis insert -i checkpoints.tar',
    lines: 0,
  });

  chapter('5. Node B finds them and restores each pod');
  const b = await DemoNode.start({ name: 'node-b', port: 10251, folder, images });
  nodes.push(b);
  await afterwards(b, frozenTimes(target), before);
  tell('');
  tell('Done: memory, threads, files and the open connection came along.');
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  for (const node of nodes) await node.stop();
}
