import { defineCommand, UsageError } from '../command.ts';
import { printable } from '../output/escape.ts';
import { examineNamed, examineOptions } from '../state/ask-node.ts';
import { containerFlag, targetFlags, targetsOf } from '../state/flags.ts';
import { mayWrite, refuseUnderKubelet, replaceFile, writeFlags } from '../state/write.ts';

const repairs = ['restore', 'checksum', 'gone-pods', 'cpus'] as const;

export const stateRepair = defineCommand({
  name: 'repair',
  operands: '[PATH...]',
  short: 'Make state files acceptable again, keeping the old ones',
  long: `Make state files acceptable again: restore the last good generation (restore), or else recompute the checksum
(checksum), drop entries of pods that are gone (gone-pods), fit CPU sets to the CPUs that are online (cpus).
Nothing is destroyed: the old file stays beside the new one, under a name that says why and when. Without
--write only the difference is printed.

Exit status: 0 all is well or repaired, 1 something stays wrong, 2 a file cannot be read.`,
  examples: [
    'state repair',
    'state repair --only gone-pods --write',
    'state repair --only checksum FILE --dry-run=false',
  ],
  flags: {
    ...targetFlags,
    ...writeFlags,
    container: containerFlag,
    only: { kind: 'stringArray', usage: `only this \`repair\`: ${repairs.join(', ')}; may be given again` },
  },
  args: {},
  complete: 'files',
  async run({ flags, given, args, console }) {
    const only = flags.only.length === 0 ? repairs : repairs.filter((each) => flags.only.includes(each));
    const unknown = flags.only.find((each) => !repairs.some((known) => known === each));
    if (unknown !== undefined)
      throw new UsageError(`no repair "${printable(unknown)}"; there are ${repairs.join(', ')}`);
    const { planRepair } = await import('../../nodestate/plan-repair.ts');
    const { targets, onNode } = targetsOf(flags, args);
    const options = await examineOptions(flags, onNode);
    const write = mayWrite(flags, given);
    if (write) await refuseUnderKubelet(flags['root-dir'], flags.force);
    const files = await examineNamed(targets, options, flags);
    let left = 0;
    let planned = 0;
    for (const file of files) {
      if (file.unreadable && !file.kind) {
        left++;
        console.err.write(
          `${printable(file.file.path)}: ${printable(file.report.findings[0]?.message ?? '')}\n`,
        );
        continue;
      }
      const plan = await planRepair(file, options, only);
      left += plan.left.length;
      planned += plan.steps.length;
      if (plan.steps.length + plan.left.length === 0) continue;
      console.out.write(`${printable(plan.path)}\n`);
      for (const step of plan.steps) console.out.write(`  ${write ? 'done' : 'would'}: ${printable(step)}\n`);
      for (const { path, before, after } of plan.changes) {
        console.out.write(`    ${printable(`${path}: ${before ?? '(absent)'} -> ${after ?? '(absent)'}`)}\n`);
      }
      if (write && plan.bytes) await replaceFile(console, plan.path, plan.bytes, plan.reason);
      for (const each of plan.left) console.out.write(`  stays wrong: ${printable(each)}\n`);
    }
    if (planned === 0) console.out.write('There is nothing that a repair would change.\n');
    else if (!write) console.out.write('Nothing was written. Add --write to do it.\n');
    if (files.some((each) => each.unreadable && !each.kind)) return 2;
    return left > 0 ? 1 : 0;
  },
});
