import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64Bytes } from '../bytes/base64.ts';
import { isCoded } from '../errors/coded-error.ts';
import { expectedConnections, trackedConnections } from './conntrack.ts';

/** What Linux 6.18 answered about a TCP connection and a datagram of 127.0.0.1. */
const recorded = base64Bytes(
  '1AAAAAABAgABAAAAPwAAAAIAAAA0AAGAFAABgAgAAQB/AAABCAACAH8AAAEcAAKABQABAAYAAAAGAAIAtSoAAAYAAwAbWQAANAACgBQAAYAIAAEA' +
    'fwAAAQgAAgB/AAABHAACgAUAAQAGAAAABgACABtZAAAGAAMAtSoAAAgAAwAAAAAOCAAIAAAAAAAIAAwAZQ6aHAgACwAAAAABCAAHAAAGl38wAASA' +
    'LAABgAUAAQADAAAABQACAAoAAAAFAAMACgAAAAYABAAjAAAABgAFACMAAACkAAAAAAECAAEAAAA/AAAAAgAAADQAAYAUAAGACAABAH8AAAEIAAIA' +
    'fwAAARwAAoAFAAEAEQAAAAYAAgCHTQAABgADABthAAA0AAKAFAABgAgAAQB/AAABCAACAH8AAAEcAAKABQABABEAAAAGAAIAG2EAAAYAAwCHTQAA' +
    'CAADAAAAAAgIAAgAAAAAAAgADAD4WfH6CAALAAAAAAEIAAcAAAAAHQ==',
);

test('trackedConnections: protocol, state, both directions, status and time left', () => {
  assert.deepEqual(trackedConnections(recorded, 'netns-ct-10.img'), [
    {
      protocol: 'TCP',
      state: 'ESTABLISHED',
      original: { source: '127.0.0.1:46378', destination: '127.0.0.1:7001' },
      reply: { source: '127.0.0.1:7001', destination: '127.0.0.1:46378' },
      status: ['SEEN_REPLY', 'ASSURED', 'CONFIRMED'],
      timeout: 431999,
    },
    {
      protocol: 'UDP',
      original: { source: '127.0.0.1:34637', destination: '127.0.0.1:7009' },
      reply: { source: '127.0.0.1:7009', destination: '127.0.0.1:34637' },
      status: ['CONFIRMED'],
      timeout: 29,
    },
  ]);
});

test('trackedConnections: whatever is cut off is an error, never half an answer', () => {
  for (let length = 1; length < recorded.length; length++) {
    if (length === 212) continue;
    const cut = recorded.subarray(0, length);
    assert.throws(
      () => trackedConnections(cut, 'ct'),
      (error) => isCoded(error, 'corrupt'),
      String(length),
    );
  }
  assert.equal(trackedConnections(recorded.subarray(0, 212), 'ct').length, 1);
});

/** An attribute as netlink writes it. */
function attribute(type: number, ...content: readonly number[]): number[] {
  const length = 4 + content.length;
  return [length, length >> 8, type, type >> 8, ...content, ...Array((4 - (length % 4)) % 4).fill(0)];
}

test('expectedConnections: IPv6 in brackets, the helper by name', () => {
  const tuple = (type: number, last: number, port: number): number[] => {
    const address = [0xfd, ...Array(14).fill(0), last];
    const ip = attribute(1, ...attribute(3, ...address), ...attribute(4, ...address));
    const proto = attribute(
      2,
      ...attribute(1, 6),
      ...attribute(2, 0, 0),
      ...attribute(3, port >> 8, port & 255),
    );
    return attribute(type, ...ip, ...proto);
  };
  const body = [
    ...tuple(1, 1, 21),
    ...tuple(2, 2, 4000),
    ...tuple(3, 3, 65535),
    ...attribute(4, 0, 0, 1, 44),
    ...attribute(6, ...Buffer.from('ftp\0')),
  ];
  const length = 20 + body.length;
  const message = [length & 255, length >> 8, 0, 0, 0, 2, ...Array(10).fill(0), 10, 0, 0, 0, ...body];
  assert.deepEqual(expectedConnections(Uint8Array.from(message), 'netns-exp-10.img'), [
    {
      protocol: 'TCP',
      expected: { source: '[fd00::2]:0', destination: '[fd00::2]:4000' },
      mask: { source: '[fd00::3]:0', destination: '[fd00::3]:65535' },
      master: { source: '[fd00::1]:0', destination: '[fd00::1]:21' },
      timeout: 300,
      trackedBy: 'ftp',
    },
  ]);
});
