import { defineCommand } from '../command.ts';

export const edit = defineCommand({
  name: 'edit',
  operands: 'ARCHIVE',
  short: 'Change a checkpoint archive before it is restored',
  long: `Change a checkpoint archive before it is restored. The archive is rewritten beside itself, read again and
compared, and takes the place of the old one at once; compression, permissions and every other member stay.

--tcp-listen-remap makes sockets that listen on TCP port OLD listen on NEW, and changes the port in the port
mappings and in the variable PORT of the environment that a restored container is described with. Connections
that are open keep their ports, and so does what the program holds in its memory.

Where digests were recorded at capture, those of the changed members are compared first and written anew, and
what was edited is noted beside them.`,
  examples: [
    'edit --tcp-listen-remap 8080:9090 checkpoint.tar',
    'edit --tcp-listen-remap 8080:80,8443:443 checkpoint.tar',
    'edit --image registry.example/counter:2 --annotation owner=me --annotation stale- checkpoint.tar',
  ],
  flags: {
    'tcp-listen-remap': {
      kind: 'string',
      usage: 'Listen on other TCP ports: `OLD:NEW`, several with commas between them',
      complete: 'none',
    },
    annotation: {
      kind: 'stringArray',
      usage: 'Set an annotation of the container, `NAME=VALUE`, or remove one, NAME-',
      complete: 'none',
    },
    image: { kind: 'string', usage: 'Name of the image that the container came from', complete: 'none' },
  },
  args: { min: 1, max: 1 },
  complete: 'files',
  compatible: true,
  readsArchives: true,
  async run({ flags, given, args, console }) {
    const { editCheckpoint } = await import('../edit-checkpoint.ts');
    await editCheckpoint(
      args[0] ?? '',
      {
        ports: flags['tcp-listen-remap'],
        annotations: flags.annotation,
        image: given.has('image') ? flags.image : undefined,
      },
      console,
    );
  },
});
