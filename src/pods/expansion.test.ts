import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expand } from './expansion.ts';
import { parseQuantity } from './quantity.ts';

test('expand replaces as Kubernetes does', () => {
  const variables = new Map([
    ['A', 'x'],
    ['B', '$(A)'],
  ]);
  const cases: Record<string, string> = {
    '$(A)': 'x',
    'a$(A)b$(A)': 'axbx',
    '$(B)': '$(A)',
    '$(C)': '$(C)',
    '$$(A)': '$(A)',
    '$$$(A)': '$x',
    $A: '$A',
    '$(A': '$(A',
    $: '$',
    $$: '$',
  };
  for (const [text, wanted] of Object.entries(cases)) assert.equal(expand(text, variables), wanted, text);
});

test('parseQuantity reads what Kubernetes writes', () => {
  const cases: Record<string, number | undefined> = {
    '1': 1,
    '250m': 0.25,
    '64Mi': 2 ** 26,
    '1.5Gi': 1.5 * 2 ** 30,
    '1e3': 1000,
    '1E': 1e18,
    '2k': 2000,
    '.5': 0.5,
    '-1': undefined,
    '1 Gi': undefined,
    '1KiB': undefined,
    '': undefined,
    Mi: undefined,
  };
  for (const [text, wanted] of Object.entries(cases)) assert.equal(parseQuantity(text), wanted, text);
});
