import { defineCommand } from '../command.ts';
import { kubeletCheckpoints } from '../open.ts';

export const insert = defineCommand({
  name: 'insert',
  short: 'Insert an extracted kubelet checkpoint into a kubelet checkpoints directory',
  long: `Insert an extracted kubelet checkpoint into a kubelet checkpoints directory.

The pods of the archive are added to those that the directory lists; one whose sandbox is listed already takes
its place. The daemon of the node restores each of them once, when it starts or is uncordoned.`,
  examples: [
    'insert -i /tmp/checkpoints.tar',
    'insert -i checkpoints.tar -t /mnt/node/var/lib/kubelet/checkpoints',
  ],
  flags: {
    target: {
      kind: 'string',
      short: 't',
      default: kubeletCheckpoints,
      usage: 'Directory into which the Kubernetes checkpoints and metadata are inserted',
      complete: 'directories',
    },
    input: {
      kind: 'string',
      short: 'i',
      usage: 'Location of the tar archive containing the extracted checkpointed pods',
      complete: 'files',
    },
  },
  args: {},
  complete: 'none',
  compatible: true,
  readsArchives: true,
  async run({ flags, console }) {
    const { insertArchive } = await import('../insert-archive.ts');
    await insertArchive(flags.input, flags.target, console);
  },
});
