import type { RestorePreflight } from '../../api/stasis.ts';
import { defineCommand, UsageError } from '../command.ts';
import { daemonClient, daemonFlags } from '../daemon-client.ts';
import { printable } from '../output/escape.ts';

export const restore = defineCommand({
  name: 'restore',
  operands: 'ARCHIVE',
  short: 'Continue a container or a pod from its archive, as a pod of this node',
  long: `Asks the daemon to make a pod out of an archive on its node.

The archive of a container becomes a new pod with that one container; the archive of a pod becomes that pod. What
the archive holds is checked before anything is started. The archive stays as it is.

Everything that the pod needs of the node is looked for first, and all that is missing is named. --volume-map gives a
volume of the pod another path on this node, by its name or by its old path. An emptyDir volume has what the archive
holds of it, unless it is given a folder so. Connections that were open are kept where their addresses are the same, as
those inside a pod are; --tcp close restores them closed, as if the other end had gone.

With --dry-run all that is looked for is, and nothing more: what is missing is listed, and which images would be fetched.
What a pod gets of the node for itself, CPUs and devices, shows at the restore. Exit status then: 0 nothing is missing,
1 something is.`,
  examples: [
    'restore /var/lib/kubelet/checkpoints/checkpoint-counters_default-counter-2026-11-21T01:21:08Z.tar',
    'restore pod.tar --name counters-2',
    'restore pod.tar --dry-run',
    'restore pod.tar --volume-map data=/srv/copy --tcp close',
  ],
  flags: {
    ...daemonFlags,
    name: { kind: 'string', usage: '`NAME` of the pod to make; the one in the archive where left out' },
    namespace: { kind: 'string', short: 'n', usage: '`NAMESPACE` of the pod to make' },
    'volume-map': {
      kind: 'stringArray',
      usage: 'give the volume `NAME=PATH` another path on the node; may be given many times',
    },
    tcp: {
      kind: 'enum',
      values: ['established', 'close'],
      usage: 'what becomes of connections that were open',
    },
    'dry-run': {
      kind: 'bool',
      usage: 'only say what this node lacks for it: nothing is made or fetched',
    },
    output: { kind: 'enum', short: 'o', values: ['text', 'json'], usage: 'how to print what was made' },
  },
  args: { min: 1, max: 1 },
  complete: 'files',
  async run({ flags, args: [archive = ''], console }) {
    const client = await daemonClient(flags);
    const { realpath } = await import('node:fs/promises');
    const request = {
      archive: flags.server ? archive : await realpath(archive),
      ...(flags.name ? { name: flags.name } : {}),
      ...(flags.namespace ? { namespace: flags.namespace } : {}),
      ...(flags['volume-map'].length > 0 ? { volumes: volumesOf(flags['volume-map']) } : {}),
      ...(flags.tcp === 'close' ? { tcp: flags.tcp } : {}),
    };
    if (flags['dry-run']) {
      const found = await client.restorePreflight(request, console.signal);
      console.out.write(
        flags.output === 'json' ? `${JSON.stringify(found, null, 2)}\n` : forecastText(found),
      );
      return found.missing.length > 0 ? 1 : 0;
    }
    const { pod } = await client.restore(request, console.signal);
    if (flags.output === 'json') console.out.write(`${JSON.stringify(pod, null, 2)}\n`);
    else console.out.write(`pod ${printable(`${pod.namespace}/${pod.name}`)} restored\n`);
    return 0;
  },
});

function forecastText({ pod, missing, pulls }: RestorePreflight): string {
  const name = `pod ${printable(`${pod.namespace}/${pod.name}`)}`;
  const lines = [
    missing.length === 0
      ? `${name}: this node lacks nothing for it`
      : `${name} cannot be restored here, this node lacks:`,
    ...missing.map((what) => `  ${printable(what)}`),
    ...pulls.map((image) => `  image ${printable(image)} is not here and would be fetched`),
  ];
  return `${lines.join('\n')}\n`;
}

/** @throws UsageError for what is not NAME=PATH */
function volumesOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.lastIndexOf('=');
      const [name, path] = [pair.slice(0, at), pair.slice(at + 1)];
      if (at > 0 && path.startsWith('/')) return [name, path];
      throw new UsageError(`--volume-map ${printable(pair)}: give NAME=PATH, the path from the root on`);
    }),
  );
}
