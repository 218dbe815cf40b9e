/** A reporter for Node's test runner: the files that a test failed in, one a line, relative to the project. */
import { relative, resolve } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

const project = resolve(import.meta.dirname, '..');

// biome-ignore lint/style/noDefaultExport: the runner takes a reporter from there.
export default async function* failedFiles(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const named = new Set<string>();
  for await (const { type, data } of events) {
    if (type !== 'test:fail') continue;
    const { file, entryFile = file } = data as { file?: string; entryFile?: string };
    if (entryFile === undefined || named.has(entryFile)) continue;
    named.add(entryFile);
    yield `${relative(project, entryFile)}\n`;
  }
}
