import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import type { CniPlaces } from '../runtime/builtin/cni.ts';
import { parseEndpoint } from '../runtime/cri/endpoint.ts';
import { cniPlaces, runtimeOf } from './settings.ts';

const table = {
  listen: ['SOCKET', 'where to serve the CRI (unix:///run/stasis/cri.sock)'],
  'runtime-root': ['DIR', 'images and containers (/var/lib/stasis)'],
  'runtime-state': ['DIR', 'what a reboot ends (/run/stasis)'],
  'cni-conf-dir': ['DIR', 'the CNI network that pods join (/etc/cni/net.d)'],
  'cni-bin-dir': ['DIRS', 'its plugins, with commas (/opt/cni/bin,/usr/lib/cni)'],
  'oci-runtime': ['NAME', 'crun or runc (crun)'],
  image: ['REFERENCE', 'take an image in at the start, as docker-archive:/FILE; may be given many times'],
} as const;

/** What `stasisd cri` goes by. */
export interface CriSettings {
  /** Path of the socket. */
  socket: string;
  runtimeRoot: string;
  runtimeState: string;
  cni: CniPlaces;
  ociRuntime: 'crun' | 'runc';
  /** References of images to take in at the start. */
  images: readonly string[];
}

/** @returns undefined where help is wanted. @throws CodedError `invalid-argument` for what is not in the table. */
export function parseCriFlags(args: readonly string[]): CriSettings | undefined {
  const flags = valuesOf(args);
  if (flags === undefined) return undefined;
  return {
    socket: parseEndpoint(flags.listen ?? 'unix:///run/stasis/cri.sock', '--listen'),
    runtimeRoot: resolve(flags['runtime-root'] ?? '/var/lib/stasis'),
    runtimeState: resolve(flags['runtime-state'] ?? '/run/stasis'),
    cni: cniPlaces(flags['cni-conf-dir'], flags['cni-bin-dir']),
    ociRuntime: runtimeOf(flags['oci-runtime'] ?? 'crun'),
    images: flags.image ?? [],
  };
}

type Values = { [K in Exclude<keyof typeof table, 'image'>]?: string } & { image?: string[] };

function valuesOf(args: readonly string[]): Values | undefined {
  const options = Object.fromEntries(
    Object.keys(table).map((name) => [name, { type: 'string' as const, multiple: name === 'image' }]),
  );
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      strict: true,
      allowPositionals: false,
    });
    const { help, ...flags } = values as Record<string, unknown>;
    return help === true ? undefined : (flags as Values);
  } catch (error) {
    throw new CodedError('invalid-argument', messageOf(error).split(/\n|\. To specify/)[0] ?? '');
  }
}

export function criHelpText(): string {
  const lines = Object.entries(table).map(
    ([name, [value, text]]) => `  --${`${name} ${value}`.padEnd(38)} ${text}`,
  );
  return `Serves the built-in container runtime's CRI v1 on a socket for root alone: to crictl, a kubelet, another stasisd.

Usage:
  stasisd cri [flags]

Flags:
${lines.join('\n')}
  --help                                   these lines
`;
}
