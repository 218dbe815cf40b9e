/**
 * A process that writes until it is killed: `writer.ts DIRECTORY KEYS NAME`. Each state is a checkpoint of some
 * kilobytes that says who wrote it and as what number; after each write that the store calls done, the number
 * goes to standard output, which the test keeps.
 */
import { writeSync } from 'node:fs';
import { FileStore } from '../../src/localfs/file-store.ts';
import { stateOf } from './state.ts';

const [directory = '', keys = '1', name = ''] = process.argv.slice(2);
const store = await FileStore.open(directory, { minimumFree: 0 });
writeSync(1, 'ready\n');
for (let n = 1; ; n++) {
  const key = `key${n % Number(keys)}`;
  try {
    await store.write(key, stateOf(name, n, key));
    writeSync(1, `${key} ${n}\n`);
  } catch (error) {
    writeSync(1, `failed ${n} ${(error as Error).message}\n`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
