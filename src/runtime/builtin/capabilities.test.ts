import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { CapabilitySchema } from '../../gen/cri/v1/api_pb.ts';
import { capabilitySets } from './capabilities.ts';

const own = new Set(['CHOWN', 'KILL', 'NET_ADMIN', 'NET_BIND_SERVICE', 'SYS_ADMIN']);

function given(wanted: object, privileged = false) {
  return capabilitySets(create(CapabilitySchema, wanted), privileged, own);
}

test('capabilitySets starts from the usual set, adds, then drops', () => {
  const usual = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];
  assert.deepEqual(given({}).sets.effective, usual);
  const changed = given({
    addCapabilities: ['NET_ADMIN', 'cap_kill'],
    dropCapabilities: ['CHOWN', 'CAP_KILL'],
  });
  assert.deepEqual(changed.sets.bounding, ['CAP_NET_BIND_SERVICE', 'CAP_NET_ADMIN']);
  assert.deepEqual(given({ dropCapabilities: ['ALL'], addCapabilities: ['KILL'] }).sets.permitted, [
    'CAP_KILL',
  ]);
});

test('capabilitySets gives no more than we hold, and names what was asked for beyond it', () => {
  const everything = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_BIND_SERVICE', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'];
  assert.deepEqual(given({ addCapabilities: ['ALL'] }), given({}, true));
  assert.deepEqual(given({}, true).sets.effective, everything);
  assert.deepEqual(given({}, true).missing, []);
  assert.deepEqual(given({ addCapabilities: ['SYS_TIME'] }).missing, ['SYS_TIME']);
});

test('capabilitySets hands on through exec only what is ambient', () => {
  const { sets } = given({ addAmbientCapabilities: ['NET_ADMIN'] });
  assert.deepEqual([sets.ambient, sets.inheritable], [['CAP_NET_ADMIN'], ['CAP_NET_ADMIN']]);
  assert.ok(sets.effective.includes('CAP_NET_ADMIN'));
  assert.deepEqual(given({}).sets.inheritable, []);
});

test('capabilitySets refuses what is no capability', () => {
  assert.throws(() => given({ addCapabilities: ['EVERYTHING'] }), { code: 'invalid-argument' });
});
