/** Run by a test: a runtime that checkpoints a pod until it is killed. `node pod-killed.ts FOLDER` */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { TestNode } from './checkpoint-node.ts';

const [, , folder = ''] = process.argv;
// There is no end to clean up after: whoever started this kills it.
const t = { after() {} } as unknown as TestContext;
const node = await TestNode.start(t, { folder, state: join('/run', `st-killed-${process.pid}`) });
const pod = await node.pod();
const containerIds = [await node.run(pod, 'server', { args: ['server', '7000', '200'] })];
containerIds.push(await node.run(pod, 'client', { args: ['client', '7000', '200'] }));
await node.grows(pod, 'client');
const outputPath = join(folder, 'out');
mkdirSync(outputPath);
await node.cri.checkpointPod({ podSandboxId: pod.id, outputPath, containerIds });
