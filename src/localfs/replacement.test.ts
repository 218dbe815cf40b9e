import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { utf8 } from '../bytes/text.ts';
import { isReplacementName, OwnStates, Replacement } from './replacement.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'replacement-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function published(folder: string, text: string, own: OwnStates): Replacement {
  const file = Replacement.write(folder, 'key', utf8(text));
  file.keepBefore(own);
  file.publish();
  return file;
}

/** What somebody else does to a file between two writes of ours, and what it is then. */
const others: Readonly<Record<string, (path: string) => string | undefined>> = {
  'leaves it alone': () => 'first',
  'replaces it': (path) => {
    writeFileSync(`${path}.new`, 'other');
    renameSync(`${path}.new`, path);
    return 'other';
  },
  'writes into it': (path) => {
    const { mtimeMs } = statSync(path);
    // The file system's clock has ticks of some milliseconds.
    while (statSync(path).mtimeMs === mtimeMs) writeFileSync(path, 'other');
    return 'other';
  },
  'removes it': (path) => {
    rmSync(path);
    return undefined;
  },
};

for (const [what, act] of Object.entries(others)) {
  test(`Replacement.putBack + somebody else ${what}: it is as they left it`, (t) => {
    const folder = folderFor(t);
    const path = join(folder, 'key');
    const own = new OwnStates();
    published(folder, 'first', own).done(own);
    const expected = act(path);
    const second = published(folder, 'second', own);
    assert.equal(readFileSync(path, 'utf8'), 'second');
    second.putBack(own);
    assert.equal(existsSync(path) ? readFileSync(path, 'utf8') : undefined, expected);
    assert.deepEqual(readdirSync(folder).filter(isReplacementName), []);
    assert.equal(own.current(path), undefined);
  });
}

test('Replacement.discard + what was written is gone, the file is as it was', (t) => {
  const folder = folderFor(t);
  const own = new OwnStates();
  published(folder, 'first', own).done(own);
  const second = Replacement.write(folder, 'key', utf8('second'));
  assert.deepEqual(readdirSync(folder).length, 2);
  second.keepBefore(own);
  second.discard();
  assert.deepEqual(readdirSync(folder), ['key']);
  assert.equal(readFileSync(join(folder, 'key'), 'utf8'), 'first');
});

test('OwnStates + a mebibyte of the latest is remembered, and nothing that is large by itself', (t) => {
  const folder = folderFor(t);
  const own = new OwnStates();
  const keys = ['a', 'b', 'c', 'd', 'e'];
  const write = (key: string, size: number): void => {
    const file = Replacement.write(folder, key, new Uint8Array(size));
    file.publish();
    file.done(own);
  };
  const known = (): string[] => keys.filter((key) => own.current(join(folder, key)) !== undefined);
  for (const key of keys) write(key, 1 << 18);
  assert.deepEqual(known(), ['b', 'c', 'd', 'e']);
  write('c', (1 << 18) + 1);
  assert.deepEqual(known(), ['b', 'd', 'e']);
  write('b', 10);
  write('a', 1 << 18);
  assert.deepEqual(known(), ['a', 'b', 'd', 'e']);
});
