import { isCoded } from '../errors/coded-error.ts';
import { type LeftSandbox, leftSandboxes } from '../runtime/cri/left-sandboxes.ts';
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
  const sandboxes = await leftSandboxes();
  const report = await found(flags, sandboxes, console);
  const text =
    flags.output === 'json'
      ? `${JSON.stringify({ ...report, sandboxes }, null, 2)}\n`
      : textOf(report) + sandboxesText(sandboxes);
  console.out.write(text);
  return report.canCheckpoint ? 0 : 1;
}

/** The report; where there is no runtime that could be asked, what its predecessor has left is told all the same. */
async function found(
  flags: RuntimeFlags,
  sandboxes: readonly LeftSandbox[],
  console: Console,
): Promise<NodeRuntimeReport> {
  const options = {
    flag: flags['container-runtime-endpoint'],
    kubeletRoot: flags['root-dir'],
    ...(flags['kubelet-config'] === '' ? {} : { kubeletConfig: flags['kubelet-config'] }),
  };
  try {
    return await reportRuntime(options, console.signal);
  } catch (error) {
    if (isCoded(error, 'not-found') && sandboxes.length > 0) {
      const json = `${JSON.stringify({ canCheckpoint: false, sandboxes }, null, 2)}\n`;
      console.out.write(flags.output === 'json' ? json : sandboxesText(sandboxes));
    }
    throw error;
  }
}

/** Most sandboxes that are listed for people. */
const listed = 50;

function sandboxesText(sandboxes: readonly LeftSandbox[]): string {
  if (sandboxes.length === 0) return '';
  const lines = sandboxes.slice(0, listed).map(({ file, namespace, pod, hostNetwork, ports, problem }) => {
    const network = hostNetwork ? ", on the node's network" : '';
    const mapped = ports.length === 0 ? '' : `, ports ${ports.join(', ')}`;
    const wrong = problem === undefined ? '' : ` (${problem})`;
    const who = pod === '' ? '' : ` pod ${namespace}/${pod}`;
    return `  ${printable(`${file}:${who}${network}${mapped}${wrong}`)}\n`;
  });
  const more = sandboxes.length > listed ? `  and ${sandboxes.length - listed} more: -o json\n` : '';
  const what =
    'dockershim and cri-dockerd have left notes of pod sandboxes. They hold no memory and no runtime';
  const then = 'needs them; once the node runs on containerd or CRI-O they can be removed:';
  return `\n${what}\n${then}\n${lines.join('')}${more}`;
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
  ];
  const given = rows.filter((row): row is [string, string] => row[1] !== undefined);
  return given.map(([name, value]) => `${`${name}:`.padEnd(14)}${printable(value)}\n`).join('');
}
