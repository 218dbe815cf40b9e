import { defineCommand } from '../command.ts';
import { tabTable } from '../output/tab-table.ts';
import { examineOptions } from '../state/ask-node.ts';
import { outputFlag, targetFlags, targetsOf } from '../state/flags.ts';
import { noteNone, shortMinors, validity, writeData } from '../state/render.ts';

export const stateList = defineCommand({
  name: 'list',
  operands: '[PATH...]',
  short: 'List state files with their kinds and versions',
  examples: ['state list', 'state list /mnt/copied-root -o json'],
  flags: { ...targetFlags, output: outputFlag },
  args: {},
  complete: 'files',
  async run({ flags, args, console }) {
    const { examine } = await import('../../nodestate/examine.ts');
    const { targets } = targetsOf({ ...flags, offline: true }, args);
    const options = await examineOptions(flags, false);
    const files = (await Promise.all(targets.map((target) => examine(target, options)))).flat();
    noteNone(console, files, targets);
    const rows = files.map(({ file, kind, content, report }) => ({
      path: file.path,
      kind: report.kind,
      version: report.version,
      title: kind?.title ?? '',
      size: content?.bytes.length ?? null,
      modified: content ? new Date(content.modified).toISOString() : null,
      valid: report.valid,
      acceptedBy: report.acceptedBy,
    }));
    if (flags.output !== 'table') return writeData(console, flags.output, rows);
    const verdicts = files.map(({ report }) => validity(report, { good: 'yes', bad: 'NO' }));
    console.out.write(
      tabTable(
        ['File', 'Kind', 'Version', 'Size', 'Modified', 'Valid', 'Accepted by'],
        rows.map((row, i) => [
          row.path,
          row.kind,
          row.version ?? '-',
          String(row.size ?? '-'),
          row.modified ?? '-',
          verdicts[i] ?? '',
          row.acceptedBy.length > 0 ? shortMinors(row.acceptedBy) : '-',
        ]),
      ),
    );
  },
});
