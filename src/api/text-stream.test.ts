import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventsIn, linesIn } from './text-stream.ts';

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text, 'latin1');
}

async function all(texts: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const text of texts) found.push(text);
  return found;
}

test('linesIn joins what comes in pieces, in the middle of a character too', async () => {
  const text = Buffer.from('ä\r\nb\n\nend').toString('latin1');
  for (let cut = 0; cut <= text.length; cut++) {
    const lines = await all(linesIn(pieces(text.slice(0, cut), text.slice(cut))));
    assert.deepEqual(lines, ['ä', 'b', '', 'end']);
  }
});

test('linesIn refuses a line without end', async () => {
  const endless = async function* () {
    for (;;) yield new Uint8Array(1 << 20).fill(0x61);
  };
  await assert.rejects(all(linesIn(endless())), { code: 'resource-exhausted' });
});

test('eventsIn gives the data of each event and nothing else', async () => {
  const text = ': hello\n\nid: 1\nevent: progress\ndata: {"a":1}\n\ndata: x\ndata:y\n\ndata: unfinished';
  assert.deepEqual(await all(eventsIn(pieces(text))), ['{"a":1}', 'x\ny']);
});
