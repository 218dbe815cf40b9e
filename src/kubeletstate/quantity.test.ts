import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatCpuSet, parseCpuSet } from './cpuset.ts';
import { formatQuantity, parseQuantity } from './quantity.ts';

describe('parseQuantity', () => {
  it('gives back canonical text and makes the rest canonical', () => {
    const cases: readonly [string, string][] = [
      ['100m', '100m'],
      ['0.1', '100m'],
      ['1.5Gi', '1536Mi'],
      ['1000', '1k'],
      ['1024Mi', '1Gi'],
      ['2000m', '2'],
      ['0', '0'],
      ['12e6', '12e6'],
      ['-1.5', '-1500m'],
      ['0.9n', '1n'],
      ['0.5Ki', '512'],
      ['123456789012345678901', '123456789012345678901'],
    ];
    for (const [text, canonical] of cases) assert.equal(formatQuantity(parseQuantity(text)), canonical, text);
  });

  it('refuses what is none', () => {
    for (const text of ['', 'x', '1.2.3', '1Q', '1e', '1e99999'])
      assert.throws(() => parseQuantity(text), text);
  });
});

describe('parseCpuSet', () => {
  it('reads lists, writes ranges, and refuses with the kubelet’s words', () => {
    assert.equal(formatCpuSet(parseCpuSet('8,0-3,2')), '0-3,8');
    assert.deepEqual(parseCpuSet(''), []);
    assert.throws(() => parseCpuSet('1.3'), { message: 'strconv.Atoi: parsing "1.3": invalid syntax' });
    assert.throws(() => parseCpuSet('5-3'), { message: 'invalid range "5-3" (5 > 3)' });
    assert.throws(() => parseCpuSet('0-4294967295'), /more than 65536 CPUs/);
  });
});
