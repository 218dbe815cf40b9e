import { defineCommand } from '../command.ts';

export const build = defineCommand({
  name: 'build',
  operands: 'CHECKPOINT IMAGE',
  short: 'Create an OCI image from a checkpoint archive',
  long: `Create an OCI image from a checkpoint archive, without any other program. The archive becomes the image's one
layer as it is ("-" is standard input); annotations on manifest and index tell CRI-O, containerd and Podman what it holds.`,
  examples: [
    'build checkpoint.tar registry.example.com/team/checkpoint:1',
    'build -o checkpoint.oci.tar checkpoint.tar my-checkpoint',
    'build --layout -o images/ checkpoint.tar my-checkpoint',
  ],
  flags: {
    output: {
      kind: 'string',
      short: 'o',
      usage: 'Where to write the image, a `PATH` (default: the last part of its name and ".oci.tar")',
      complete: 'files',
    },
    layout: { kind: 'bool', usage: 'Write a directory in OCI image layout instead of a tar of one' },
  },
  args: { min: 2, max: 2 },
  complete: 'files',
  compatible: true,
  readsArchives: true,
  async run({ flags, args: [checkpoint = '', image = ''], console }) {
    const { buildFromArchive } = await import('../build-from-archive.ts');
    await buildFromArchive(checkpoint, image, flags, console);
  },
});
