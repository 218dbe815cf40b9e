import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryOfContainer, memoryOfPod } from './memory-wanted.ts';
import type { Container, Pod } from './pod.ts';

const mib = 2 ** 20;

function container(request?: string, limit?: string, more: Partial<Container> = {}): Container {
  const resources = {
    ...(request ? { requests: { memory: request } } : {}),
    ...(limit ? { limits: { memory: limit } } : {}),
  };
  return { name: 'c', image: 'i', resources, ...more };
}

function pod(containers: Container[], initContainers: Container[] = []): Pod {
  const metadata = { name: 'p', namespace: 'default', uid: 'u' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, initContainers } };
}

test('memoryOfContainer + what is limited and not asked for is asked for', () => {
  assert.deepEqual(memoryOfContainer(container()), {});
  assert.deepEqual(memoryOfContainer(container('1Mi')), { requestBytes: mib });
  assert.deepEqual(memoryOfContainer(container(undefined, '2Mi')), {
    requestBytes: 2 * mib,
    limitBytes: 2 * mib,
  });
  assert.deepEqual(memoryOfContainer(container('1.5Mi', '2Mi')), {
    requestBytes: 1.5 * mib,
    limitBytes: 2 * mib,
  });
});

test('memoryOfPod + containers and sidecars together, an init container beside the sidecars before it', () => {
  const sidecar = container('10Mi', '10Mi', { restartPolicy: 'Always' });
  assert.deepEqual(memoryOfPod(pod([container('1Mi', '2Mi'), container('3Mi', '4Mi')])), {
    requestBytes: 4 * mib,
    limitBytes: 6 * mib,
  });
  assert.deepEqual(memoryOfPod(pod([container('1Mi', '1Mi')], [sidecar, container('5Mi', '5Mi')])), {
    requestBytes: 15 * mib,
    limitBytes: 15 * mib,
  });
  assert.deepEqual(memoryOfPod(pod([container('1Mi', '1Mi')], [container('5Mi', '5Mi'), sidecar])), {
    requestBytes: 11 * mib,
    limitBytes: 11 * mib,
  });
  // One without a limit leaves the pod without one.
  assert.deepEqual(memoryOfPod(pod([container('1Mi', '1Mi'), container('1Mi')])), { requestBytes: 2 * mib });
  assert.deepEqual(memoryOfPod(pod([container()])), {});
});
