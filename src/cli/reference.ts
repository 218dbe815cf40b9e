import { limitTable } from '../archive/limits.ts';
import type { Command } from './command.ts';
import { exampleLines, flagLines, usageLine, visibleCommands } from './help.ts';

/** One page of the reference in Markdown. */
export interface ReferencePage {
  file: string;
  text: string;
}

/** The reference of a program: an index and a page for each command with what is below it. */
export async function referencePages(root: Command): Promise<ReferencePage[]> {
  const commands = (await visibleCommands(root)).filter(({ name }) => name !== 'help');
  const rows = commands.map(
    ({ name, short }) => `| [\`${root.name} ${name}\`](${name}.md) | ${cell(short)} |\n`,
  );
  const index = `# Commands\n\nGenerated from \`src/cli/commands\`; the same table makes \`--help\`, the manual in \`man/\` and the completions.\n\n| command | what it does |\n|---|---|\n${rows.join('')}${limitsText()}`;
  const pages = [{ file: 'README.md', text: index }];
  for (const command of commands) {
    const text = await sections(command, `${root.name} ${command.name}`, 1);
    pages.push({ file: `${command.name}.md`, text });
  }
  return pages;
}

/** Flags that every command that opens archives takes, without saying so in its help. */
function limitsText(): string {
  const rows = Object.values(limitTable).map(
    ({ flag, what, value }) => `| \`--${flag}\` | ${what} | ${value} |\n`,
  );
  return `\n## Limits\n\nEvery command that opens archives bounds what it accepts before it takes memory for it, and takes these flags to raise a limit.\n\n| flag | at most so many | unless given |\n|---|---|---|\n${rows.join('')}`;
}

async function sections(command: Command, path: string, depth: number): Promise<string> {
  const parts = [`${'#'.repeat(depth)} ${path}`, (command.long ?? command.short).trim()];
  parts.push(`\`\`\`\n${usageLine(command, path)}\n\`\`\``);
  const flags = flagLines(command).map(({ head, text }) => `| \`${head.trim()}\` | ${cell(text)} |\n`);
  parts.push(`| flag | meaning |\n|---|---|\n${flags.join('')}`.trimEnd());
  if (command.examples?.length) {
    parts.push(`\`\`\`console\n${exampleLines(command, path, '').join('\n')}\n\`\`\``);
  }
  for (const below of await visibleCommands(command)) {
    parts.push((await sections(below, `${path} ${below.name}`, depth + 1)).trimEnd());
  }
  return `${parts.join('\n\n')}\n`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
