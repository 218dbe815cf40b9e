import type { StateReport } from '../../nodestate/examined.ts';
import { CommandError, defineCommand } from '../command.ts';
import { printable } from '../output/escape.ts';
import { examineOptions } from '../state/ask-node.ts';
import { outputFlag, targetFlags } from '../state/flags.ts';
import { writeData } from '../state/render.ts';

export const stateDiff = defineCommand({
  name: 'diff',
  operands: 'FILE [OTHER]',
  short: 'Show member by member where two state files differ',
  long: `Show member by member where two state files differ. With one file, the other is its last good generation.
Files of different versions are compared in the latest one.

Exit status: 0 no difference, 1 differences, 2 trouble.`,
  examples: ['state diff cpu_manager_state cpu_manager_state.corrupt-20260131T235959Z'],
  flags: { ...targetFlags, output: outputFlag },
  args: { min: 1, max: 2 },
  complete: 'files',
  async run({ flags, args, console }) {
    const { examineFile } = await import('../../nodestate/examine.ts');
    const { contentData, differences } = await import('../../nodestate/content.ts');
    const { lastGood } = await import('../../nodestate/plan-repair.ts');
    const options = await examineOptions(flags, false);
    const [path = '', other] = args;
    const file = await examineFile({ path, name: path }, options);
    if (!file.content) throw unreadable(file.report);
    let before = other === undefined ? undefined : await examineFile({ path: other, name: other }, options);
    if (other === undefined) {
      const good = await lastGood(file, options);
      if (!good)
        throw new CommandError(`${printable(path)} has no earlier generation to compare with`, { status: 2 });
      before = { ...good.examined, file: { path: good.generation.path, name: '' } };
    }
    if (!before?.content) throw unreadable(before?.report);
    // One file: from what it was to what it is. Two files: from the first to the second.
    const [left, right] = other === undefined ? [before, file] : [file, before];
    const found = differences(contentData(left), contentData(right));
    if (flags.output !== 'table') await writeData(console, flags.output, found);
    else {
      for (const { path: member, before: a, after: b } of found) {
        console.out.write(
          `${printable(member)}: ${printable(a ?? '(absent)')} -> ${printable(b ?? '(absent)')}\n`,
        );
      }
    }
    return found.length > 0 ? 1 : 0;
  },
});

function unreadable(report: StateReport | undefined): CommandError {
  return new CommandError(printable(report?.findings[0]?.message ?? 'unreadable'), { status: 2 });
}
