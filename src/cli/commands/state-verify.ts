import { CodedError } from '../../errors/coded-error.ts';
import { CommandError, defineCommand } from '../command.ts';
import { printable } from '../output/escape.ts';
import { examineNamed, examineOptions } from '../state/ask-node.ts';
import { containerFlag, outputFlag, targetFlags, targetsOf } from '../state/flags.ts';
import { exitStatus, noteNone, reportData, reportTable, writeData } from '../state/render.ts';

export const stateVerify = defineCommand({
  name: 'verify',
  operands: '[PATH...]',
  short: 'Say of each state file whether it is whole and whether the kubelet will start with it',
  long: `Say of each state file what kind and version it is, its checksum as stored and as computed, which Kubernetes
versions accept it, whether what is in it agrees with itself, with the other files and, on the node, with the
machine, its pods and its kubelet, and whether the kubelet will start with it, or with which words it will not.
CPU manager files of Kubernetes 1.17 and before name containers by their ids: who they are comes from the node's
container runtime, or from --container.

Exit status: 0 all is well, 1 there are findings, 2 a file cannot be read.`,
  examples: ['state verify', 'state verify /mnt/copied-root -o json', 'state verify --kubelet-version 1.31'],
  flags: { ...targetFlags, output: outputFlag, container: containerFlag },
  args: {},
  complete: 'files',
  async run({ flags, args, console }) {
    const { targets, onNode } = targetsOf(flags, args);
    const options = await examineOptions(flags, onNode);
    const files = await examineNamed(targets, options, flags).catch((error: unknown) => {
      // 1 would say that there are findings in files that were read.
      if (error instanceof CodedError) throw new CommandError(printable(error.message), { status: 2 });
      throw error;
    });
    noteNone(console, files, targets);
    const reports = files.map((each) => each.report);
    if (flags.output === 'table') console.out.write(reportTable(reports));
    else {
      await writeData(console, flags.output, reports.map(reportData));
    }
    return exitStatus(files);
  },
});
