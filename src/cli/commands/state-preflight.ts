import { defineCommand, UsageError } from '../command.ts';
import { printable } from '../output/escape.ts';
import { tabTable } from '../output/tab-table.ts';
import { examineNamed, examineOptions } from '../state/ask-node.ts';
import { containerFlag, outputFlag, parseMinor, targetFlags, targetsOf } from '../state/flags.ts';
import { writeData } from '../state/render.ts';

export const statePreflight = defineCommand({
  name: 'preflight',
  operands: '[ROOT...]',
  short: 'Say before an upgrade or downgrade what the next kubelet will do with each state file',
  long: `Say before an upgrade or downgrade what the next kubelet will do with each state file, and what to do first.

Exit status: 0 the next kubelet starts, 1 it does not or loses something, 2 a file cannot be read.`,
  examples: [
    'state preflight --from 1.31 --to 1.32',
    'state preflight --from 1.36 --to 1.35 /mnt/copied-root',
  ],
  flags: {
    ...targetFlags,
    output: outputFlag,
    container: containerFlag,
    from: { kind: 'string', usage: 'Kubernetes `version` that runs now (required)' },
    to: { kind: 'string', usage: 'Kubernetes `version` that comes next (required)' },
  },
  args: {},
  complete: 'directories',
  async run({ flags, args, console }) {
    if (flags.from === '' || flags.to === '')
      throw new UsageError('--from and --to are required, like --from 1.31 --to 1.32');
    const from = parseMinor(flags.from);
    const to = parseMinor(flags.to);
    const { foresee } = await import('../../nodestate/foresee.ts');
    const { targets, onNode } = targetsOf(flags, args);
    const configured = await examineOptions(flags, false);
    const files = await examineNamed(targets, { ...configured, onNode }, flags);
    const rows = files.filter((each) => each.kind).map((each) => foresee(each, from, to, configured.gates));
    if (flags.output !== 'table') await writeData(console, flags.output, rows);
    else {
      const table = tabTable(
        ['File', 'Kind', `1.${from}`, `1.${to}`, 'Do'],
        rows.map((row) => [row.path, row.kind, row.now, row.next, row.action]),
      );
      console.out.write(table);
      for (const row of rows) {
        if (row.message)
          console.out.write(`\n${printable(row.path)}\n  1.${to} will print: ${printable(row.message)}\n`);
        for (const lost of row.lost) console.out.write(`  lost: ${printable(lost)}\n`);
      }
    }
    if (files.some((each) => each.unreadable)) return 2;
    return rows.some((row) => row.action !== 'nothing') ? 1 : 0;
  },
});
