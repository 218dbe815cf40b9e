/** Run by a test: a runtime that checkpoints a large container until it is killed. `node checkpoint-killed.ts FOLDER` */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { TestNode } from './checkpoint-node.ts';

const [, , folder = ''] = process.argv;
// There is no end to clean up after: whoever started this kills it.
const t = { after() {} } as unknown as TestContext;
const node = await TestNode.start(t, { folder, state: join('/run', `st-killed-${process.pid}`) });
const pod = await node.pod();
const id = await node.run(pod, 'memory', { args: ['memory', '700'] });
await node.grows(pod, 'memory');
await node.checkpoint(id, join(folder, 'x.tar'));
