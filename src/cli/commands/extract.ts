import { defineCommand } from '../command.ts';
import { kubeletCheckpoints } from '../open.ts';

const algorithms = ['gzip', 'none', 'zstd'] as const;

export const extract = defineCommand({
  name: 'extract',
  short: 'Extract all kubelet checkpoints',
  long: `Extract all kubelet checkpoints: the list of checkpointed pods and every archive that it names, in one
archive that "insert" takes. The archive holds the memory of the pods; it is readable by its owner alone.`,
  examples: [
    'extract -o /tmp/checkpoints.tar',
    'extract -t /mnt/node/var/lib/kubelet/checkpoints -c none -o node.tar',
  ],
  flags: {
    target: {
      kind: 'string',
      short: 't',
      default: kubeletCheckpoints,
      usage: 'Directory which contains the Kubernetes checkpoints and metadata',
      complete: 'directories',
    },
    output: {
      kind: 'string',
      short: 'o',
      usage: 'Destination for the tar archive containing the extracted checkpointed pods',
      complete: 'files',
    },
    compress: {
      kind: 'string',
      short: 'c',
      default: 'zstd',
      usage: 'Select compression algorithm (gzip, none, zstd)',
      values: algorithms,
    },
  },
  args: {},
  complete: 'none',
  compatible: true,
  async run({ flags, console }) {
    const messages = await import('../kubelet-messages.ts');
    if (flags.output === '') {
      const { helpText } = await import('../help.ts');
      console.out.write(`${await helpText(extract, `${console.program} extract`)}\n`);
      throw messages.outputNotGiven();
    }
    const compression = algorithms.find((name) => name === flags.compress.toLowerCase());
    if (!compression) throw messages.compressionUnknown(flags.compress);
    const { extractTarget } = await import('../extract-target.ts');
    await extractTarget(flags.target, flags.output, compression, console);
  },
});
