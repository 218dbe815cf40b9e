/**
 * A process that has the built-in runtime open, for tests that kill it: runs pods of one container, one after
 * the other, until it is ended, and prints a line for each step that is done.
 *
 *     node test/runtime-owner.ts ROOT STATE IMAGE CGROUP
 */
import { join } from 'node:path';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { NamespaceMode, RuntimeService } from '../src/gen/cri/v1/api_pb.ts';
import { createBuiltinRuntime } from '../src/runtime/builtin/builtin-runtime.ts';
import { noCni } from './runtime.ts';

const [root = '', state = '', image = '', cgroupParent = ''] = process.argv.slice(2);
const open = await createBuiltinRuntime({ root, state, cni: noCni });
const transport = createRouterTransport((router) => open.routes(router));
const runtime = createClient(RuntimeService, transport);
const script = 'i=0; while :; do i=$((i+1)); echo $i; test -e /go/on && exit 9; sleep 0.02; done';

for (let n = 0; ; n++) {
  const uid = `owned-${process.pid}-${n}`;
  const config = {
    metadata: { name: uid, uid, namespace: 'default', attempt: 0 },
    hostname: 'owned',
    logDirectory: join(root, 'logs', uid),
    linux: { cgroupParent },
  };
  const { podSandboxId } = await runtime.runPodSandbox({ config });
  const { containerId } = await runtime.createContainer({
    podSandboxId,
    config: {
      metadata: { name: 'c' },
      image: { image },
      command: ['/bin/sh', '-c', script],
      mounts: [{ hostPath: join(root, 'go'), containerPath: '/go' }],
      logPath: 'c.log',
      linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.CONTAINER } } },
    },
  });
  process.stdout.write(`created ${containerId}\n`);
  await runtime.startContainer({ containerId });
  process.stdout.write(`started ${containerId}\n`);
}
