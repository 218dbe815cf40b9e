import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { forbiddenImports, importCycles, readImports } from '../scripts/import-rules.ts';

const root = resolve(import.meta.dirname, '..');

test('imports point down the tiers', () => {
  assert.deepEqual(forbiddenImports(readImports(root)), []);
});

test('no file imports itself over others', () => {
  assert.deepEqual(importCycles(readImports(root)), []);
});

test('forbiddenImports finds an arrow that points up, sideways or out', () => {
  const wrong = forbiddenImports([
    { from: 'src/criu/a.ts', to: 'src/localfs/b.ts', typeOnly: false },
    { from: 'src/server/a.ts', to: 'src/cli/b.ts', typeOnly: false },
    { from: 'src/criu/a.ts', to: 'node:fs', typeOnly: false },
    { from: 'src/pods/a.ts', to: 'src/runtime/b.ts', typeOnly: false },
    { from: 'src/nowhere/a.ts', to: 'node:fs', typeOnly: false },
  ]);
  assert.equal(wrong.length, 5);
});

test('importCycles finds a cycle of two', () => {
  const cycles = importCycles([
    { from: 'src/a/a.ts', to: 'src/a/b.ts', typeOnly: false },
    { from: 'src/a/b.ts', to: 'src/a/a.ts', typeOnly: false },
  ]);
  assert.deepEqual(cycles, [['src/a/a.ts', 'src/a/b.ts', 'src/a/a.ts']]);
});
