import { defineCommand } from '../command.ts';

const input = {
  kind: 'string',
  short: 'i',
  usage: '`FILE` to read instead of standard input',
  complete: 'files',
} as const;
const output = {
  kind: 'string',
  short: 'o',
  usage: '`FILE` to write instead of standard output',
  complete: 'files',
} as const;

const decode = defineCommand({
  name: 'decode',
  short: 'Convert an image to JSON',
  examples: ['crit decode -i core-1.img --pretty', 'crit decode < pstree.img > pstree.json'],
  flags: {
    in: input,
    out: output,
    pretty: { kind: 'bool', usage: 'Several lines, and numbers in the form that people read' },
  },
  complete: 'none',
  async run({ flags, console }) {
    const { critDecode } = await import('../crit-run.ts');
    await critDecode(flags, console);
  },
});

const encode = defineCommand({
  name: 'encode',
  short: 'Convert JSON to an image',
  examples: ['crit encode -i pstree.json -o pstree.img'],
  flags: { in: input, out: output },
  complete: 'none',
  async run({ flags, console }) {
    const { critEncode } = await import('../crit-run.ts');
    await critEncode(flags, console);
  },
});

const info = defineCommand({
  name: 'info',
  operands: 'IMAGE',
  short: 'Say what kind of image a file is and how many entries it has',
  examples: ['crit info pagemap-1.img'],
  args: { min: 1, max: 1 },
  complete: 'files',
  async run({ args: [path = ''], console }) {
    const { critInfoOf } = await import('../crit-run.ts');
    await critInfoOf(path, console);
  },
});

const show = defineCommand({
  name: 'show',
  operands: 'IMAGE',
  short: 'Convert an image to JSON for people',
  examples: ['crit show inventory.img', 'crit show --nopl pipes-data.img'],
  flags: { nopl: { kind: 'bool', usage: 'Leave out data that follows the entries' } },
  args: { min: 1, max: 1 },
  complete: 'files',
  async run({ args: [path = ''], flags, console }) {
    const { critShow } = await import('../crit-run.ts');
    await critShow(path, flags.nopl, console);
  },
});

const explorations = ['ps', 'fds', 'mems', 'rss', 'sk'] as const;

const x = defineCommand({
  name: 'x',
  operands: 'CHECKPOINT {ps|fds|mems|rss|sk}',
  short: 'Explore the images of a checkpoint',
  long: `Explore the images of a checkpoint: processes, open files, memory areas, where pages are, sockets. CHECKPOINT
is a folder of images, as for crit, or any checkpoint archive.`,
  examples: ['crit x checkpoint/ ps', 'crit x checkpoint.tar mems'],
  args: { min: 2, max: 2 },
  complete: async (soFar) => (soFar.length > 0 ? explorations : []),
  readsArchives: true,
  async run({ args: [path = '', what = ''], console }) {
    const { critExplore } = await import('../crit-run.ts');
    await critExplore(path, what, console);
  },
});

export const crit = defineCommand({
  name: 'crit',
  short: "Convert CRIU's images to JSON and back, and explore them",
  args: {},
  commands: {
    decode: async () => decode,
    encode: async () => encode,
    info: async () => info,
    show: async () => show,
    x: async () => x,
  },
});
