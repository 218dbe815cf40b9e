import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { apiRoot, endpointNames, endpointOf } from '../src/api/endpoints.ts';
import { commands } from '../src/cli/commands.ts';

const text = readFileSync(resolve(import.meta.dirname, '../docs/api.md'), 'utf8');

test('docs/api.md says of each command how a client does it, or that it makes no sense there', () => {
  const column = [...text.matchAll(/^\| (`.*?) \|/gm)].map(([, words = '']) => words).join(' ');
  const named = new Set([...column.matchAll(/`([a-z-]+)/g)].map(([, name]) => name));
  assert.deepEqual(
    Object.keys(commands).filter((name) => !named.has(name)),
    [],
  );
});

test('docs/api.md names each path below the root of the API', () => {
  const missing = endpointNames
    .map((name) => endpointOf(name).path)
    .filter((path) => path.startsWith(apiRoot))
    .map((path) => path.slice(apiRoot.length + 1))
    .filter((path) => !text.includes(path));
  assert.deepEqual(missing, []);
});
