import { targets } from '../../conversion/conversion.ts';
import { defineCommand } from '../command.ts';

export const convert = defineCommand({
  name: 'convert',
  operands: 'ARCHIVE',
  short: 'Make of any checkpoint archive one that another engine restores',
  long: `Make of a checkpoint archive, whoever made it, one that containerd, CRI-O, Podman or stasis restores. The
description of the container is written as the engine wants it: who it is, its image, mounts, namespaces and log, the
files that it had changed or deleted. CRIU's images are taken over as they are, but for the name that crun gives an
empty folder. What the engine has no place for, what will be different and what has to be there for the restore is
printed.

With --bundle, ARCHIVE is the folder into which crun or runc wrote CRIU's images, and the bundle's config.json stands for
what an engine would have written beside them.

What is replaced is kept in the archive, so that converting it once more starts from the original, and converting it
back gives what there was. Digests are compared before and recorded in the result.`,
  examples: [
    'convert checkpoint.tar --to podman -o for-podman.tar',
    'convert podman.tar.zst --to containerd --image registry.example/counter:1 -o for-containerd.tar',
    'convert images/ --bundle /run/bundle --image localhost/counter:1 --to podman -o for-podman.tar',
    'convert checkpoint.tar --to podman --mount /data=/srv/data -o for-podman.tar --format json',
  ],
  flags: {
    to: { kind: 'enum', values: [...targets], usage: 'the engine that is going to restore' },
    output: { kind: 'string', short: 'o', usage: '`FILE` to write', complete: 'files' },
    runtime: {
      kind: 'enum',
      values: ['same', 'crun', 'runc'],
      usage: 'the program that is going to restore, where it is not the one that made the checkpoint',
    },
    image: {
      kind: 'string',
      usage: 'the `NAME` that the engine has for the container’s image',
      complete: 'none',
    },
    bundle: {
      kind: 'string',
      usage: '`DIRECTORY` of the bundle that crun or runc ran; ARCHIVE is the folder of CRIU’s images',
      complete: 'directories',
    },
    'image-id': {
      kind: 'string',
      usage:
        'its `ID` in Podman, where the archive does not tell (default: what podman on this machine says)',
      complete: 'none',
    },
    name: { kind: 'string', usage: 'another `NAME` for the container', complete: 'none' },
    pod: {
      kind: 'bool',
      usage: 'for Podman: to be restored into a pod, with podman container restore --pod',
    },
    mount: {
      kind: 'stringArray',
      usage: 'what to mount: `PATH=SOURCE`, the path in the container and its source on the node',
      complete: 'none',
    },
    compress: { kind: 'enum', values: ['none', 'gzip', 'zstd'], usage: 'compression; containerd takes none' },
    format: { kind: 'enum', values: ['table', 'json'], usage: 'how to print the report' },
  },
  args: { min: 1, max: 1 },
  complete: 'files',
  readsArchives: true,
  async run({ flags, given, args: [archive = ''], console }) {
    const { convertCheckpoint } = await import('../convert-checkpoint.ts');
    await convertCheckpoint(archive, { ...flags, to: given.has('to') ? flags.to : undefined }, console);
  },
});
