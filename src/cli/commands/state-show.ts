import { defineCommand } from '../command.ts';
import { printable } from '../output/escape.ts';
import { examineOptions } from '../state/ask-node.ts';
import { outputFlag, targetFlags, targetsOf } from '../state/flags.ts';
import { writeData } from '../state/render.ts';

export const stateShow = defineCommand({
  name: 'show',
  operands: '[PATH...]',
  short: 'Show what is in state files',
  long: `Show what is in state files. The JSON and YAML outputs have the members apiVersion (stasis/v1), path, kind,
version, valid and content; content is the file's own, with the text inside opened and without the checksum.`,
  examples: ['state show /var/lib/kubelet/cpu_manager_state', 'state show -o json'],
  flags: {
    ...targetFlags,
    output: outputFlag,
    hashed: { kind: 'bool', usage: 'print the text that the checksum is taken over instead' },
  },
  args: {},
  complete: 'files',
  async run({ flags, args, console }) {
    const { examine } = await import('../../nodestate/examine.ts');
    const { contentData } = await import('../../nodestate/content.ts');
    const { contentRows } = await import('../state/content-rows.ts');
    const { targets } = targetsOf(flags, args);
    const options = await examineOptions(flags, false);
    const files = (await Promise.all(targets.map((target) => examine(target, options)))).flat();
    if (flags.hashed) {
      for (const { kind, seen } of files) {
        const text =
          seen?.file === undefined ? undefined : kind?.definition.version(seen.version).checksum.text;
        console.out.write(`${text && seen ? text(seen.file) : '(not a text of Go)'}\n`);
      }
      return undefined;
    }
    const readable = files.filter((each) => each.content && !each.unreadable);
    const data = readable.map((each) => ({
      apiVersion: 'stasis/v1',
      path: each.file.path,
      kind: each.report.kind,
      version: each.report.version,
      valid: each.report.valid,
      content: contentData(each),
    }));
    if (flags.output !== 'table') await writeData(console, flags.output, data);
    else for (const each of readable) console.out.write(`${contentRows(each)}\n`);
    for (const each of files.filter((file) => file.unreadable)) {
      console.err.write(
        `${printable(each.file.path)}: ${printable(each.report.findings[0]?.message ?? '')}\n`,
      );
    }
    return files.some((each) => each.unreadable) ? 2 : 0;
  },
});
