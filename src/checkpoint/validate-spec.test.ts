import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFixture, plainArchives } from '../../test/fixture-archives.ts';
import { parseGoJson } from '../bytes/go-json.ts';
import { readDump } from './dump-json.ts';
import { validateSpec } from './validate-spec.ts';

function found(spec: unknown): string[] {
  const value = parseGoJson(JSON.stringify(spec));
  assert.ok(value instanceof Map);
  return validateSpec(value).map(({ severity, about }) => `${severity}: ${about}`);
}

test('validateSpec: annotations that a runtime obeys, control characters, absurd lengths', () => {
  assert.deepEqual(found({ annotations: { 'org.criu.config': '/tmp/x', plain: 'two\nlines' } }), [
    'warning: annotation org.criu.config',
  ]);
  assert.deepEqual(found({ annotations: { 'run.oci.handler': 'wasm', a: '\u001b[2J', b: 'x\u009bm' } }), [
    'warning: annotation run.oci.handler',
    'error: annotation a',
    'error: annotation b',
  ]);
  assert.deepEqual(found({ annotations: { [`${'n'.repeat(300)}`]: '' } }).length, 1);
});

test('validateSpec: hooks run on the node', () => {
  const hooks = { prestart: [{ path: '/bin/evil' }], poststop: [] };
  assert.deepEqual(found({ hooks }), ['warning: hook prestart']);
});

test('validateSpec: an odd specification is judged without a crash', () => {
  for (const spec of [
    { annotations: [] },
    { annotations: { a: 1 } },
    { hooks: { prestart: 3, x: [null] } },
  ]) {
    assert.ok(found(spec).length <= 1);
  }
});

test('validateSpec: what real engines write has no errors', async () => {
  for (const archive of plainArchives) {
    const checkpoint = await openFixture(archive);
    if (await checkpoint.find('spec.dump')) {
      const problems = validateSpec(await readDump(checkpoint, 'spec.dump'));
      assert.deepEqual(
        problems.filter(({ severity }) => severity === 'error'),
        [],
        archive,
      );
    }
    await checkpoint.close();
  }
});
