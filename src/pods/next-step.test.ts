import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFinished, nextStep, pauseBefore } from './next-step.ts';
import type { Pod } from './pod.ts';
import type { ActualContainer, ActualPod, ActualSandbox } from './pod-runtime.ts';

const now = 1_000_000_000;
const pod = (spec: Partial<Pod['spec']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'd', uid: 'u' },
  spec: {
    containers: [
      { name: 'a', image: 'i' },
      { name: 'b', image: 'i' },
    ],
    ...spec,
  },
});
const sandbox = (id: string, extra: Partial<ActualSandbox> = {}): ActualSandbox => ({
  id,
  attempt: 0,
  createdAt: 1n,
  ready: true,
  uid: 'u',
  namespace: 'd',
  name: 'p',
  restoredFrom: '',
  ...extra,
});
const container = (
  name: string,
  state: ActualContainer['state'],
  extra: Partial<ActualContainer> = {},
): ActualContainer => ({
  id: `${name}${extra.restarts ?? 0}`,
  sandboxId: 's',
  name,
  image: 'i',
  restarts: 0,
  createdAt: 1n,
  state,
  ...(state === 'exited' ? { startedAt: now - 5000, finishedAt: now - 1000, exitCode: 1 } : {}),
  ...extra,
});
const is = (sandboxes: ActualSandbox[], ...containers: ActualContainer[]): ActualPod => ({
  sandboxes,
  containers,
});
const short = (step: ReturnType<typeof nextStep>) =>
  step === undefined
    ? 'nothing'
    : step.do === 'create-container'
      ? `create ${step.container.name} ${step.restarts}`
      : Object.values(step).join(' ');

const s = sandbox('s');
const cases: readonly [what: string, Pod, ActualPod, step: string][] = [
  ['nothing is there', pod(), is([]), 'run-sandbox 0'],
  ['the sandbox is dead', pod(), is([sandbox('s', { ready: false, attempt: 2 })]), 'run-sandbox 3'],
  ['an old sandbox is left', pod(), is([s, sandbox('o', { ready: false })]), 'remove-sandbox o'],
  ['two sandboxes are ready', pod(), is([s, sandbox('o')]), 'remove-sandbox o'],
  ['a sandbox alone', pod(), is([s]), 'create a 0'],
  ['created and not started', pod(), is([s], container('a', 'created')), 'start-container a0 a'],
  ['one runs', pod(), is([s], container('a', 'running')), 'create b 0'],
  ['all run', pod(), is([s], container('a', 'running'), container('b', 'running')), 'nothing'],
  ['first end: at once', pod(), is([s], container('a', 'exited'), container('b', 'running')), 'create a 1'],
  [
    'second end: ten seconds',
    pod(),
    is([s], container('a', 'exited', { restarts: 1 }), container('b', 'running')),
    `wait ${now + 9000}`,
  ],
  ['a wait does not hold the other', pod(), is([s], container('a', 'exited', { restarts: 1 })), 'create b 0'],
  [
    'an older run is left',
    pod(),
    is([s], container('a', 'running', { restarts: 1 }), container('a', 'exited'), container('b', 'running')),
    'remove-container a0',
  ],
  [
    'ended well, OnFailure',
    pod({ restartPolicy: 'OnFailure' }),
    is([s], container('a', 'exited', { exitCode: 0 }), container('b', 'running')),
    'nothing',
  ],
  [
    'ended badly, OnFailure',
    pod({ restartPolicy: 'OnFailure' }),
    is([s], container('a', 'exited'), container('b', 'running')),
    'create a 1',
  ],
  [
    'ended badly, Never',
    pod({ restartPolicy: 'Never' }),
    is([s], container('a', 'exited'), container('b', 'running')),
    'nothing',
  ],
  [
    'over, and the sandbox too',
    pod({ restartPolicy: 'Never' }),
    is([sandbox('s', { ready: false })], container('a', 'exited'), container('b', 'exited')),
    'nothing',
  ],
];
for (const [what, wanted, actual, step] of cases) {
  test(`nextStep: ${what} -> ${step.replace(String(now + 9000), 'LATER')}`, () => {
    assert.equal(short(nextStep(wanted, actual, now)), step);
  });
}

test('nextStep runs init containers one after the other before the rest', () => {
  const wanted = pod({
    initContainers: [
      { name: 'x', image: 'i' },
      { name: 'y', image: 'i' },
    ],
  });
  const done = { exitCode: 0 };
  assert.equal(short(nextStep(wanted, is([s]), now)), 'create x 0');
  assert.equal(short(nextStep(wanted, is([s], container('x', 'running')), now)), 'nothing');
  assert.equal(short(nextStep(wanted, is([s], container('x', 'exited', done)), now)), 'create y 0');
  assert.equal(short(nextStep(wanted, is([s], container('x', 'exited')), now)), 'create x 1');
  const both = [container('x', 'exited', done), container('y', 'exited', done)];
  assert.equal(short(nextStep(wanted, is([s], ...both), now)), 'create a 0');
  assert.equal(short(nextStep(wanted, is([s], container('a', 'running')), now)), 'create b 0');
  const never = { ...wanted, spec: { ...wanted.spec, restartPolicy: 'Never' as const } };
  assert.equal(isFinished(never, [container('x', 'exited')]), true);
});

test('pauseBefore doubles up to five minutes and forgets after a long run', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 7, 100].map((restarts) => pauseBefore(restarts, 0) / 1000),
    [0, 10, 20, 40, 80, 160, 300, 300, 300],
  );
  assert.equal(pauseBefore(9, 600_000), 0);
});

test('nextStep starts sidecars in order, keeps them running, and ends them last', () => {
  const wanted = pod({
    restartPolicy: 'Never',
    initContainers: [
      { name: 'x', image: 'i', restartPolicy: 'Always' },
      { name: 'y', image: 'i', restartPolicy: 'Always' },
    ],
    containers: [{ name: 'a', image: 'i' }],
  });
  const [x, y] = [container('x', 'running'), container('y', 'running')];
  assert.equal(short(nextStep(wanted, is([s]), now)), 'create x 0');
  assert.match(short(nextStep(wanted, is([s], x), now, () => false)), /^wait/, 'y waits until x has started');
  assert.equal(short(nextStep(wanted, is([s], x), now)), 'create y 0');
  assert.equal(short(nextStep(wanted, is([s], x, y), now)), 'create a 0');
  const a = container('a', 'running');
  assert.equal(
    short(nextStep(wanted, is([s], container('x', 'exited', { exitCode: 0 }), y, a), now)),
    'create x 1',
  );
  const over = container('a', 'exited', { exitCode: 0 });
  assert.equal(short(nextStep(wanted, is([s], x, y, over), now)), 'stop-container y0 y');
  const ended = container('y', 'exited');
  assert.equal(short(nextStep(wanted, is([s], x, ended, over), now)), 'stop-container x0 x');
  assert.equal(short(nextStep(wanted, is([s], container('x', 'exited'), ended, over), now)), 'nothing');
});
