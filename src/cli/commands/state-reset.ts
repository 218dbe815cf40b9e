import { defineCommand } from '../command.ts';
import { printable } from '../output/escape.ts';
import { examineOptions } from '../state/ask-node.ts';
import { targetFlags, targetsOf } from '../state/flags.ts';
import { mayWrite, refuseUnderKubelet, replaceFile, writeFlags } from '../state/write.ts';

export const stateReset = defineCommand({
  name: 'reset',
  operands: '[PATH...]',
  short: 'Set those state files aside that a changed policy, a changed machine or a reboot has made void',
  long: `Set state files aside, so that the kubelet starts with fresh ones, but only those that have to go: whose policy is
not the configured one, whose memory is not that of this machine, which keep the kubelet from starting and can
neither be decoded nor restored, and, with --after-reboot, those of the CPU and
memory managers that were written before the machine was last booted. Running pods keep their CPUs: within one
boot --after-reboot does its work once and then finds nothing to do.

Exit status: 0 done or nothing to do, 1 failed, 2 a file cannot be read.`,
  examples: ['state reset', 'state reset --after-reboot --write'],
  flags: {
    ...targetFlags,
    ...writeFlags,
    'after-reboot': {
      kind: 'bool',
      usage: 'also files of the CPU and memory managers from before the last boot',
    },
  },
  args: {},
  complete: 'files',
  async run({ flags, given, args, console }) {
    const { examine } = await import('../../nodestate/examine.ts');
    const { lastGood } = await import('../../nodestate/plan-repair.ts');
    const { recordBoot, resetReason } = await import('../../nodestate/reset-reason.ts');
    const { targets } = targetsOf(flags, args);
    const options = await examineOptions(flags, true);
    const write = mayWrite(flags, given);
    if (write) await refuseUnderKubelet(flags['root-dir'], flags.force);
    const files = (await Promise.all(targets.map((target) => examine(target, options)))).flat();
    let found = 0;
    for (const file of files) {
      const reason = await resetReason(file, options.facts, {
        afterReboot: flags['after-reboot'],
        hasGeneration: async () => (await lastGood(file, options)) !== undefined,
      });
      if (reason === undefined) continue;
      found++;
      console.out.write(
        `${printable(file.file.path)}: ${write ? '' : 'would be '}set aside: ${printable(reason)}\n`,
      );
      if (write) await replaceFile(console, file.file.path, undefined, 'reset');
    }
    if (write && flags['after-reboot']) await recordBoot(files, options.facts);
    if (found === 0) console.out.write('Nothing has to be reset.\n');
    else if (!write) console.out.write('Nothing was written. Add --write to do it.\n');
    const left = files.filter((each) => each.unreadable && !each.kind && each.report.kind !== 'plain-json');
    for (const { report } of left) {
      console.err.write(`${printable(report.path)}: ${printable(report.findings[0]?.message ?? '')}\n`);
    }
    return left.length > 0 ? 2 : 0;
  },
});
