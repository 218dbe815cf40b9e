import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pause } from './pause.ts';
import type { Container } from './pod.ts';
import { Probes, type ProbeTarget } from './probes.ts';

/** A probe every few milliseconds. */
const often = { exec: { command: ['x'] }, periodSeconds: 0.005 };

function probing(t: TestContext, container: Partial<Container>, answers: (string | undefined)[]) {
  const target: ProbeTarget = {
    ...{ uid: 'u', sandboxId: 's', id: 'c', since: 0 },
    container: { name: 'c', image: 'i', ...container },
  };
  const ended: string[] = [];
  let asked = 0;
  let held = false;
  const probes = new Probes({
    async ask() {
      asked++;
      return answers.length > 1 ? answers.shift() : answers[0];
    },
    unhealthy: (_target, kind, message) => ended.push(`${kind}: ${message}`),
    held: () => held,
  });
  probes.look([target]);
  t.after(() => probes.close());
  const signal = AbortSignal.timeout(10_000);
  const until = async (what: () => boolean) => {
    while (!what()) {
      signal.throwIfAborted();
      await pause(2, signal);
    }
  };
  return {
    probes,
    target,
    ended,
    until,
    asked: () => asked,
    hold(value: boolean) {
      held = value;
    },
  };
}

test('Probes end a container after as many failures in a row as its liveness probe says, once', async (t) => {
  const livenessProbe = { ...often, failureThreshold: 3 };
  const { ended, until, asked } = probing(t, { livenessProbe }, ['a', 'b', undefined, 'c', 'd', 'e', 'f']);
  await until(() => ended.length > 0);
  assert.deepEqual(ended, ['liveness: e']);
  assert.equal(asked(), 6);
});

test('Probes call a container ready after successes in a row, and not ready after failures in a row', async (t) => {
  const readinessProbe = { ...often, successThreshold: 2, failureThreshold: 2 };
  const answers = ['no', undefined, 'no', undefined, undefined, 'no', undefined, 'no', 'gone'];
  const { probes, target, until } = probing(t, { readinessProbe }, answers);
  assert.equal(probes.isReady('c', target.container), false);
  await until(() => probes.isReady('c', target.container));
  await until(() => !probes.isReady('c', target.container));
  assert.match(probes.complaint('c'), /readiness probe: (no|gone)/);
});

test('Probes ask for life and readiness only after the container has started', async (t) => {
  const startupProbe = { ...often, failureThreshold: 100 };
  const livenessProbe = { ...often, failureThreshold: 1 };
  const { probes, target, ended, until } = probing(t, { startupProbe, livenessProbe }, [
    ...['no', 'no', undefined, 'dead'],
  ]);
  assert.equal(probes.isStarted('c', target.container), false);
  await until(() => ended.length > 0);
  assert.equal(probes.isStarted('c', target.container), true);
  assert.deepEqual(ended, ['liveness: dead']);
});

test('Probes count nothing while the pod is held, and stop with the container', async (t) => {
  const livenessProbe = { ...often, failureThreshold: 1 };
  const run = probing(t, { livenessProbe }, ['frozen']);
  run.hold(true);
  await pause(50, AbortSignal.timeout(10_000));
  assert.deepEqual(run.ended, []);
  run.probes.look([]);
  run.hold(false);
  await pause(50, AbortSignal.timeout(10_000));
  assert.deepEqual(run.ended, []);
});
