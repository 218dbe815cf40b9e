import { defineCommand } from '../command.ts';

/** The names are those of the report's sections; a test holds the two lists together. */
const sections = [
  'all',
  'details',
  'files',
  'maps',
  'shared',
  'ipc',
  'seccomp',
  'mounts',
  'namespaces',
  'cgroups',
  'locks',
  'network',
  'tmpfs',
  'autofs',
  'binfmt',
  'bpf',
  'processor',
  'dump',
  'rootfs',
  'deleted',
  'binds',
  'log',
  'criuLog',
] as const;

export const inspect = defineCommand({
  name: 'inspect',
  operands: 'FILE...',
  short: 'Display low-level information about a container checkpoint',
  examples: [
    'inspect checkpoint.tar',
    'inspect --all checkpoint.tar',
    'inspect --ps-tree pod.tar/client',
    'inspect --ps-tree-cmd --pid 7 checkpoint.tar',
    'inspect --section details --section maps checkpoint.tar',
    'inspect --format json --stats checkpoint.tar | jq ".[0].statistics"',
  ],
  flags: {
    all: { kind: 'bool', usage: 'Show all information about container checkpoints' },
    files: {
      kind: 'bool',
      usage: 'Display the open file descriptors for processes in the container checkpoint',
    },
    format: {
      kind: 'string',
      default: 'tree',
      values: ['tree', 'json'],
      usage: 'Specify the output format: tree or json',
    },
    metadata: { kind: 'bool', usage: 'Show metadata about the container' },
    mounts: { kind: 'bool', usage: 'Display an overview of mounts used in the container checkpoint' },
    pid: { kind: 'uint32', short: 'p', usage: 'Display the process tree of a specific PID' },
    'ps-tree': { kind: 'bool', usage: 'Display an overview of processes in the container checkpoint' },
    'ps-tree-cmd': {
      kind: 'bool',
      usage: 'Display an overview of processes in the container checkpoint with full command line arguments',
    },
    'ps-tree-env': {
      kind: 'bool',
      usage: 'Display an overview of processes in the container checkpoint with their environment variables',
    },
    section: {
      kind: 'stringArray',
      values: sections,
      usage: `Show a section by \`NAME\`, or all of them: ${sections.join(', ')}`,
    },
    sockets: { kind: 'bool', usage: 'Display the open sockets for processes in the container checkpoint' },
    stats: { kind: 'bool', usage: 'Display checkpoint statistics' },
  },
  args: { min: 1 },
  complete: 'files',
  compatible: true,
  readsArchives: true,
  async run(invocation) {
    const { inspectFiles } = await import('../inspect-files.ts');
    return inspectFiles(invocation.args, invocation.flags, invocation.console);
  },
});
