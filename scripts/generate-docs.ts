/** Writes the command line's reference and manual, which derive from the table of commands. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { commands } from '../src/cli/commands.ts';
import { rootCommand } from '../src/cli/find.ts';
import { manualPages } from '../src/cli/manual.ts';
import { referencePages } from '../src/cli/reference.ts';

const about = JSON.parse(readFileSync(resolve(import.meta.dirname, '../package.json'), 'utf8'));

/** Writes every page below `into`. */
export async function generateDocs(into: string): Promise<void> {
  const root = rootCommand('stasis', commands);
  const manual = await manualPages(root, about.version);
  const pages = [
    ...(await referencePages(root)),
    ...manual.map(({ file, text }) => ({ file: join('man', file), text })),
  ];
  for (const { file, text } of pages) {
    mkdirSync(dirname(join(into, file)), { recursive: true });
    writeFileSync(join(into, file), text);
  }
}
