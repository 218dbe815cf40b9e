import { defineCommand, UsageError } from '../command.ts';
import { printable } from '../output/escape.ts';
import { examineOptions, knownContainers } from '../state/ask-node.ts';
import { containerFlag, parseMinor, targetFlags, targetsOf } from '../state/flags.ts';
import { mayWrite, refuseUnderKubelet, replaceFile, writeFlags } from '../state/write.ts';

export const stateConvert = defineCommand({
  name: 'convert',
  operands: '[PATH...]',
  short: 'Convert state files for another Kubernetes version, up or down',
  long: `Convert state files into what the kubelet of another Kubernetes version writes, and report what its format
cannot hold. CPU manager files of Kubernetes 1.17 and before name containers by their ids: who they are comes from
the node's container runtime, or from --container. The old files stay beside the new ones. Without --write only the plan is printed.

Exit status: 0 all files fit or were converted, 1 some cannot be, 2 wrong usage.`,
  examples: [
    'state convert --to 1.32',
    'state convert --to 1.35 --write',
    'state convert --to 1.19 FILE --stdout',
  ],
  flags: {
    ...targetFlags,
    ...writeFlags,
    to: { kind: 'string', usage: 'Kubernetes `version` to convert for, like 1.31 (required)' },
    container: containerFlag,
    stdout: { kind: 'bool', usage: 'write the one converted file to standard output' },
  },
  args: {},
  complete: 'files',
  async run({ flags, given, args, console }) {
    if (flags.to === '') throw new UsageError('--to is required, like --to 1.31');
    const minor = parseMinor(flags.to);
    const { examine } = await import('../../nodestate/examine.ts');
    const { planConversion, unlessTaken } = await import('../../nodestate/plan-conversion.ts');
    const { needsContainerIds } = await import('../../nodestate/container-ids.ts');
    const { targets } = targetsOf(flags, args);
    const options = await examineOptions(flags, false);
    const write = mayWrite(flags, given);
    if (write) await refuseUnderKubelet(flags['root-dir'], flags.force);
    const files = (await Promise.all(targets.map((target) => examine(target, options)))).flat();
    const known = needsContainerIds(files, minor)
      ? await knownContainers(flags)
      : { facts: {}, missing: undefined };
    if (known.missing) console.err.write(`${printable(known.missing)}\n`);
    const plans = files
      .filter((each) => each.report.kind !== 'plain-json')
      .map((each) => ({
        plan: planConversion(each, minor, options.gates, known.facts),
        bytes: each.content?.bytes,
      }));
    if (flags.stdout) {
      if (plans.length !== 1) throw new UsageError(`--stdout takes one file, not ${plans.length}`);
      const only = plans[0];
      for (const lost of only?.plan.lost ?? []) console.err.write(`lost: ${printable(lost)}\n`);
      if (only?.plan.problem) console.err.write(`${printable(only.plan.problem)}\n`);
      else console.out.write(only?.plan.bytes ?? only?.bytes ?? '');
      return only?.plan.problem ? 1 : 0;
    }
    const written = plans.map(({ plan }) => unlessTaken(plan));
    for (const plan of written) {
      const same = plan.bytes === undefined && plan.problem === undefined;
      const what = plan.problem ?? (same ? `stays as it is (${plan.from})` : `${plan.from} -> ${plan.to}`);
      console.out.write(`${printable(plan.path)}: ${printable(what)}\n`);
      if (plan.target !== plan.path && plan.bytes) console.out.write(`  becomes ${printable(plan.target)}\n`);
      for (const lost of plan.lost) console.out.write(`  lost: ${printable(lost)}\n`);
      if (!write || !plan.bytes) continue;
      if (plan.target === plan.path) await replaceFile(console, plan.path, plan.bytes, 'converted');
      else {
        const { writeFileAtomic } = await import('../../localfs/atomic-file.ts');
        await writeFileAtomic(plan.target, plan.bytes);
        await replaceFile(console, plan.path, undefined, 'converted');
      }
    }
    if (!written.some(({ bytes }) => bytes)) console.out.write('There is nothing to convert.\n');
    else if (!write) console.out.write('Nothing was written. Add --write to do it.\n');
    return written.some(({ problem }) => problem !== undefined) ? 1 : 0;
  },
});
