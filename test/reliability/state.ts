import { checksumType } from '../../src/checkpointmanager/checksum.ts';
import { wholeStruct } from '../../src/checkpointmanager/checksum-rule.ts';
import { defineCheckpoint, version } from '../../src/checkpointmanager/define.ts';
import { int, string, struct, tag } from '../../src/checkpointmanager/go-type.ts';

const type = struct('test.State', {
  Writer: tag('writer', string),
  Number: tag('number', int),
  Key: tag('key', string),
  Filler: tag('filler', string),
  Checksum: tag('checksum', checksumType),
});

export const state = defineCheckpoint({
  name: 'state',
  versions: [version({ version: 'v1', type, checksum: wholeStruct(type) })],
});

/** Between 1 and 33 kB, so that a state is several blocks and no two in a row have the same length. */
export function stateOf(writer: string, number: number, key: string): Uint8Array {
  const filler = `${writer}${number}`.repeat(100 + ((number * 7919) % 4000));
  return state.encode({ Writer: writer, Number: BigInt(number), Key: key, Filler: filler, Checksum: 0n });
}
