import type { Command } from './command.ts';
import { exampleLines, flagLines, usageLine, visibleCommands } from './help.ts';

/** One page of the manual: name of the file and its text in roff. */
export interface ManualPage {
  file: string;
  text: string;
}

/** The manual pages of a program: one for itself, one for each of its commands with what is below it. */
export async function manualPages(root: Command, version: string): Promise<ManualPage[]> {
  const commands = await visibleCommands(root);
  const list = commands.map(
    ({ name, short }) => `.TP\n\\fB${roff(`${root.name}-${name}`)}\\fR(1)\n${line(short)}\n`,
  );
  const pages = [page(root, root.name, version, `.SH COMMANDS\n${list.join('')}${optionSection(root)}`)];
  for (const command of commands) {
    if (command.name === 'help') continue;
    const path = `${root.name} ${command.name}`;
    pages.push(page(command, path, version, await commandSections(command, path)));
  }
  return pages;
}

function page(command: Command, path: string, version: string, body: string): ManualPage {
  const title = path.replaceAll(' ', '-');
  const text = [
    `.TH "${roff(title.toUpperCase())}" 1 "" "${roff(`${path.split(' ')[0]} ${version}`)}" "Checkpoints of containers"`,
    `.SH NAME\n${roff(title)} \\- ${line(command.short)}`,
    `.SH SYNOPSIS\n\\fB${roff(usageLine(command, path))}\\fR`,
    `.SH DESCRIPTION\n${paragraphs(command.long ?? command.short)}`,
    body.trimEnd(),
  ].join('\n');
  return { file: `${title}.1`, text: `${text}\n` };
}

async function commandSections(command: Command, path: string): Promise<string> {
  let text = optionSection(command);
  if (command.examples?.length) {
    text += `.SH EXAMPLES\n.nf\n${exampleLines(command, path, '').map(line).join('\n')}\n.fi\n`;
  }
  for (const below of await visibleCommands(command)) {
    const belowPath = `${path} ${below.name}`;
    text += `.SH ${roff(belowPath.toUpperCase())}\n\\fB${roff(usageLine(below, belowPath))}\\fR\n.PP\n`;
    text += `${paragraphs(below.long ?? below.short)}\n${options(below)}`;
  }
  return text;
}

function optionSection(command: Command): string {
  return `.SH OPTIONS\n${options(command)}`;
}

function options(command: Command): string {
  return flagLines(command)
    .map(({ head, text }) => `.TP\n\\fB${roff(head.trim())}\\fR\n${line(text)}\n`)
    .join('');
}

function paragraphs(text: string): string {
  return text
    .trim()
    .split(/\n\n+/)
    .map((paragraph) => paragraph.split('\n').map(line).join('\n'))
    .join('\n.PP\n');
}

/** Text of a line: a dot or quote at its start would be a request. */
function line(text: string): string {
  return roff(text).replace(/^([.'])/, '\\&$1');
}

function roff(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('"', '\\(dq');
}
