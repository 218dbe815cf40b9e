import { CommandError, defineCommand } from '../command.ts';
import { printable } from '../output/escape.ts';
import { examineOptions } from '../state/ask-node.ts';
import { targetFlags, targetsOf } from '../state/flags.ts';
import { reportData, shortMinors, validity, writeItem } from '../state/render.ts';

export const stateWatch = defineCommand({
  name: 'watch',
  operands: '[PATH]',
  short: 'Follow state files: one line for each change, and whether it is good',
  long: `Follow state files: one line for each file at first and for each change, and whether it is good. With --keep the
good states are kept as generations that diff and repair go back to. Ends at a signal.`,
  examples: ['state watch', 'state watch --keep 10'],
  flags: {
    ...targetFlags,
    output: {
      kind: 'enum',
      short: 'o',
      values: ['table', 'json', 'yaml'],
      usage: 'output `format`: table, json (a line each) or yaml (a document each)',
    },
    keep: { kind: 'uint32', usage: 'keep this many good `generations` of each file' },
  },
  args: { max: 1 },
  complete: 'files',
  async run({ flags, args, console }) {
    const { watchState } = await import('../../nodestate/watch-state.ts');
    const { targets, onNode } = targetsOf(flags, args);
    const target = targets[0];
    if (target === undefined) throw new CommandError('nothing to watch');
    const options = await examineOptions(flags, onNode);
    for await (const { examined, removed } of watchState(target, options, {
      keep: flags.keep,
      signal: console.signal,
    })) {
      const { report } = examined;
      const time = console.now().toISOString();
      if (flags.output !== 'table') {
        await writeItem(console, flags.output, { time, removed, ...reportData(report) });
      } else {
        const good = `valid, accepted by ${shortMinors(report.acceptedBy)}`;
        const state = validity(report, { good, bad: 'NOT VALID' });
        const findings = report.findings
          .filter((each) => each.severity !== 'info')
          .map((each) => each.message);
        const line = removed
          ? 'removed'
          : [`${report.kind} ${report.version ?? '-'} ${state}`, ...findings].join('; ');
        console.out.write(`${time} ${printable(report.path)}: ${printable(line)}\n`);
      }
      console.out.flush();
    }
  },
});
