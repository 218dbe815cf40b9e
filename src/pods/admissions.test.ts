import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError, isCoded } from '../errors/coded-error.ts';
import { Admissions, RejectedError } from './admissions.ts';
import { nothingGranted } from './container-grant.ts';
import { decodePod } from './manifest.ts';
import type { NodeResources } from './node-resources.ts';

const signal = new AbortController().signal;
const pod = decodePod(
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', uid: 'u' },
    spec: { containers: [{ name: 'c', image: 'x' }] },
  },
  { file: 'p.yaml', node: 'n' },
);
const facts = { alive: new Set(['u']), running: new Set<string>() };

/** A resource with so many pieces, one for each pod. */
class Pieces implements NodeResources {
  readonly holders = new Set<string>();
  free: number;

  constructor(free: number) {
    this.free = free;
  }

  async admit({ metadata }: { metadata: { uid: string } }): Promise<void> {
    if (this.holders.has(metadata.uid)) return;
    if (this.free === 0) throw new CodedError('resource-exhausted', 'no piece is left');
    this.free--;
    this.holders.add(metadata.uid);
  }

  async grant() {
    return { ...nothingGranted, cpusetCpus: '1' };
  }

  async release(uid: string): Promise<void> {
    if (this.holders.delete(uid)) this.free++;
  }
}

test('Admissions.admit takes back what others gave when one refuses, and says it in the kubelet’s words', async () => {
  const first = new Pieces(1);
  const second = new Pieces(0);
  const admissions = new Admissions([first, second], () => {});
  await assert.rejects(admissions.admit(pod, facts, false, signal), (error) => {
    assert.ok(error instanceof RejectedError && isCoded(error, 'resource-exhausted'));
    assert.equal(
      error.message,
      'UnexpectedAdmissionError: Allocate failed due to no piece is left, which is unexpected',
    );
    return true;
  });
  assert.deepEqual([first.free, admissions.has('u')], [1, false]);
  second.free = 1;
  await admissions.admit(pod, facts, false, signal);
  assert.deepEqual([first.free, second.free, admissions.has('u')], [0, 0, true]);
  await admissions.release('u');
  assert.deepEqual([first.free, second.free, admissions.has('u')], [1, 1, false]);
});

test('Admissions.admit leaves a pod whose sandbox lives what it has', async () => {
  const first = new Pieces(1);
  const admissions = new Admissions([first, new Pieces(0)], () => {});
  await assert.rejects(admissions.admit(pod, facts, true, signal), RejectedError);
  assert.ok(first.holders.has('u'));
});

test('Admissions.admit says why a pod was rejected, also where taking back fails', async () => {
  const told: string[] = [];
  const stuck = new Pieces(1);
  stuck.release = async () => {
    throw new CodedError('unavailable', 'the disk is full');
  };
  const admissions = new Admissions([stuck, new Pieces(0)], (message) => told.push(message));
  await assert.rejects(admissions.admit(pod, facts, false, signal), RejectedError);
  assert.deepEqual(told, ['the disk is full']);
});

test('RejectedError uses the reason that comes with the error', () => {
  const cause = new CodedError('failed-precondition', 'SMT Alignment Error', {
    data: { reason: 'SMTAlignmentError' },
  });
  assert.equal(new RejectedError(cause).message, 'SMTAlignmentError: SMT Alignment Error');
});
