import { type NodeRuntimeReport, reportRuntime } from '../runtime/cri/node-runtime-report.ts';
import type { Console } from './console.ts';
import { printable } from './output/escape.ts';

export interface RuntimeFlags {
  'container-runtime-endpoint': string;
  'root-dir': string;
  'kubelet-config': string;
  output: 'text' | 'json';
}

/** Prints what is known of this node's container runtime. @returns 1 where it cannot checkpoint */
export async function printRuntime(flags: RuntimeFlags, console: Console): Promise<number> {
  const report = await reportRuntime(
    {
      flag: flags['container-runtime-endpoint'],
      kubeletRoot: flags['root-dir'],
      ...(flags['kubelet-config'] === '' ? {} : { kubeletConfig: flags['kubelet-config'] }),
    },
    console.signal,
  );
  const text = flags.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : textOf(report);
  console.out.write(text);
  return report.canCheckpoint ? 0 : 1;
}

function textOf(report: NodeRuntimeReport): string {
  const { endpoint, criu } = report;
  const rows: [string, string | undefined][] = [
    [
      'Runtime',
      report.name === '' ? 'nobody answers' : `${report.name} ${report.version} (CRI ${report.apiVersion})`,
    ],
    ['Socket', `${endpoint.path} (${endpoint.from})`],
    ['Checkpoints', report.canCheckpoint ? 'yes' : 'no'],
    ['Why', report.why],
    ['What to do', report.hint],
    ['criu', criu.version ?? criu.problem],
    [
      'Left by dockershim',
      report.dockershimSandboxes === 0
        ? undefined
        : `${report.dockershimSandboxes} sandbox files in /var/lib/dockershim/sandbox: see stasis state list`,
    ],
  ];
  const given = rows.filter((row): row is [string, string] => row[1] !== undefined);
  return given.map(([name, value]) => `${`${name}:`.padEnd(14)}${printable(value)}\n`).join('');
}
