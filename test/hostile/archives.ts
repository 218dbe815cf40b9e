/** Archives as nobody's engine writes them, each meant to hurt whoever reads it. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { createGzip, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import { type NewMember, writeTar } from '../../src/archive/tar-writer.ts';
import { bytesSource } from '../../src/bytes/byte-source.ts';
import { tarCheckpoint } from '../../src/checkpoint/from-tar.ts';
import { imageBytes, type MadeImage, memoryMap, pstree } from '../made-images.ts';

const sample = resolve(import.meta.dirname, '../../fixtures/archives/crun-1.28-files.tar');

export interface HostileArchive {
  readonly name: string;
  bytes(): Promise<Uint8Array>;
}

type Members = Map<string, NewMember>;

/** The members of a real checkpoint by name, to be spoilt. */
async function real(): Promise<Members> {
  const checkpoint = tarCheckpoint(bytesSource(readFileSync(sample)), { origin: sample });
  const members: Members = new Map();
  for (const { name, mode, mtime } of (await checkpoint.members()).files) {
    members.set(name, { name, mode, mtime, content: await checkpoint.read(name) });
  }
  return members;
}

async function tarOf(members: Iterable<NewMember>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar([...members])) pieces.push(piece);
  return Buffer.concat(pieces);
}

const archives: HostileArchive[] = [];

function add(name: string, bytes: () => Promise<Uint8Array>): void {
  archives.push({ name, bytes });
}

/** A real checkpoint, spoilt. */
function spoilt(name: string, spoil: (members: Members) => void): void {
  add(name, async () => {
    const members = await real();
    spoil(members);
    return tarOf(members.values());
  });
}

function put(members: Members, name: string, image: MadeImage | string): void {
  const content = typeof image === 'string' ? Buffer.from(image) : imageBytes(image);
  members.set(name, { name, content });
}

function withImages(name: string, images: Readonly<Record<string, MadeImage>>): void {
  spoilt(name, (members) => {
    for (const [file, image] of Object.entries(images)) put(members, `checkpoint/${file}`, image);
  });
}

/** The framing of an image, and then whatever. */
function raw(magic: number, ...words: readonly number[]): Uint8Array {
  return framed(magic, Uint8Array.from(words));
}

function framed(magic: number, words: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + words.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x54564319, true);
  view.setUint32(4, magic, true);
  bytes.set(words, 8);
  return bytes;
}

const magic = { pstree: 0x50273030, core: 0x55053847, files: 0x56303138, mm: 0x57492820 } as const;

// Names and kinds of members.
spoilt('names that leave the archive or speak to the terminal', (members) => {
  const names = [
    '../../escape',
    '/escape',
    'checkpoint/../../escape',
    '..\\escape',
    'checkpoint\\..\\escape',
  ];
  const signs = [
    '\x1b[2J\x1b]0;owned\x07',
    'checkpoint/core-\x1b[31m.img',
    'line\nbreak',
    'nul\0byte',
    '\u202eslatrow',
    '\x9b31m',
  ];
  for (const name of [...names, ...signs, 'a'.repeat(4000)]) put(members, name, 'x');
});
spoilt('links in place of what is read', (members) => {
  const targets = ['/etc/passwd', '../../../etc/passwd', '\x1b[31mred', 'config.dump', 'spec.dump\0x'];
  const names = ['config.dump', 'checkpoint/core-1.img', 'checkpoint/\x1b[31m', 'spec.dump', 'bind.mounts'];
  for (const [at, name] of names.entries()) {
    members.set(name, { name, type: 'symlink', linkName: targets[at] ?? '' });
  }
  members.set('checkpoint/parent', {
    name: 'checkpoint/parent',
    type: 'symlink',
    linkName: '../checkpoint/',
  });
});
spoilt('hard links to themselves, in circles and to nowhere', (members) => {
  for (const [name, linkName] of [
    ...[
      ['config.dump', 'spec.dump'],
      ['spec.dump', 'config.dump'],
      ['stats-dump', 'stats-dump'],
    ],
    ...[
      ['checkpoint/pstree.img', '../../etc/passwd'],
      ['dump.log', '/etc/passwd'],
    ],
  ] as const) {
    members.set(name, { name, type: 'hardlink', linkName });
  }
});
for (const type of ['fifo', 'character-device', 'block-device', 'directory'] as const) {
  spoilt(`${type} in place of what is read`, (members) => {
    for (const name of [
      'config.dump',
      'checkpoint/pstree.img',
      'checkpoint/files.img',
      'rootfs-diff.tar',
      'stats-dump',
    ]) {
      members.set(name, { name, type, devMajor: 1, devMinor: 5 });
    }
  });
}
spoilt('metadata nested deeply', (members) => {
  put(members, 'config.dump', '['.repeat(1_000_000));
  put(members, 'spec.dump', `{"annotations":${'{"a":'.repeat(300_000)}`);
});
spoilt('metadata of other types', (members) => {
  put(members, 'config.dump', '{"id":{"a":1},"name":[],"createdTime":-1e999,"rootfsImage":"\\u001b[2J"}');
  put(members, 'spec.dump', '{"annotations":[1],"mounts":{"a":1},"process":7,"linux":"x","root":null}');
  put(members, 'bind.mounts', '{"a":1}');
  put(members, 'deleted.files', '[{}, 7, "\\u001b[2J"]');
  put(members, 'network.status', '[[[[1]]]]');
  put(members, 'status.dump', 'null');
});
spoilt('50,000 annotations, mounts and devices', (members) => {
  const many = Array.from({ length: 50_000 }, (_, at) => at);
  put(
    members,
    'spec.dump',
    JSON.stringify({
      annotations: Object.fromEntries(many.map((at) => [`a${at}`, 'x'])),
      mounts: many.map((at) => ({ destination: `/${at}` })),
      linux: { devices: many.map((at) => ({ path: `/dev/x${at}` })) },
    }),
  );
  put(members, 'deleted.files', JSON.stringify(many.map(String)));
});
spoilt('no metadata at all', (members) => {
  for (const name of members.keys()) if (!name.startsWith('checkpoint/')) members.delete(name);
});

// The process tree.
withImages('processes in a circle', {
  'pstree.img': pstree({ pid: 1, ppid: 4 }, { pid: 4, ppid: 5 }, { pid: 5, ppid: 1 }),
});
withImages('a process that is its own parent', {
  'pstree.img': pstree({ pid: 1, ppid: 1 }, { pid: 4, ppid: 1 }),
});
withImages('processes without parents, twice, and numbered 0', {
  'pstree.img': pstree(
    { pid: 1 },
    { pid: 1 },
    { pid: 7, ppid: 99 },
    { pid: 0 },
    { pid: 4294967295, ppid: 8, threads: [0, 0] },
  ),
});
withImages('a chain of 20,000 processes', {
  'pstree.img': pstree(...Array.from({ length: 20_000 }, (_, at) => ({ pid: at + 1, ppid: at }))),
});
withImages('a process with 130,000 children', {
  'pstree.img': {
    magic: 'PSTREE',
    entries: Array.from({ length: 130_000 }, (_, at) => {
      return { pid: at + 1, ppid: at === 0 ? 0 : 1, pgid: 1, sid: 1, threads: [at + 1] };
    }),
  },
});
withImages('80,000 mounts, and as many folders of a cgroup', {
  'mountpoints-13.img': {
    magic: 'MNTS',
    entries: Array.from({ length: 80_000 }, (_, at) => {
      return {
        ...{
          fstype: 7,
          mnt_id: at,
          root_dev: at,
          parent_mnt_id: at,
          flags: 0,
          root: '/',
          mountpoint: `/${at}`,
        },
        ...{ source: 's', options: '', ext_key: `k${at}` },
      };
    }),
  },

  'cgroup.img': {
    magic: 'CGROUP',
    entries: [
      {
        sets: [{ id: 1, ctls: [{ name: 'unified', path: '/' }] }],
        controllers: [
          {
            cnames: ['unified'],
            dirs: [
              {
                ...{
                  dir_name: '/',
                  children: Array.from({ length: 80_000 }, (_, at) => ({ dir_name: `${at}` })),
                },
              },
            ],
          },
        ],
      },
    ],
  },
});
withImages('a process with 130,000 threads', {
  'pstree.img': pstree({ pid: 1, threads: Array.from({ length: 130_000 }, (_, at) => at + 1) }),
});

// Framing.
withImages('an entry of 4 GiB', {
  'pstree.img': raw(magic.pstree, 255, 255, 255, 255),
  'files.img': raw(magic.files, 0, 0, 0, 128),
});
withImages('numbers without an end', {
  'pstree.img': raw(magic.pstree, 12, 0, 0, 0, 8, ...Array(11).fill(0xff)),
  'core-1.img': raw(magic.core, 12, 0, 0, 0, ...Array(12).fill(0xff)),
  'mm-1.img': raw(magic.mm, 3, 0, 0, 0, 0x0a, 0xff, 0xff),
});
withImages('a million empty entries', { 'pstree.img': framed(magic.pstree, new Uint8Array(4_000_000)) });
withImages('images under the names of others', {
  'pstree.img': raw(magic.core, 0, 0, 0, 0),
  'files.img': raw(magic.pstree, 0, 0, 0, 0),
  'inventory.img': raw(magic.mm, 0, 0, 0, 0),
});
spoilt('every image empty', (members) => {
  for (const name of members.keys()) if (name.startsWith('checkpoint/')) put(members, name, '');
});
spoilt('every image its first twelve bytes', (members) => {
  for (const [name, { content }] of members) {
    if (name.startsWith('checkpoint/')) put(members, name, (content as Uint8Array).subarray(0, 12));
  }
});
spoilt('every image cut in the middle', (members) => {
  for (const [name, { content }] of members) {
    const bytes = content as Uint8Array;
    if (name.startsWith('checkpoint/')) put(members, name, bytes.subarray(0, bytes.length / 2));
  }
});
for (const kind of [
  'inventory',
  'pstree',
  'core',
  'mm',
  'files',
  'fdinfo',
  'ids',
  'fs',
  'pagemap',
  'pages',
  'mountpoints',
  'pipes-data',
  'memfd',
  'seccomp',
  'cgroup',
  'ghost-file',
  'remap-fpath',
]) {
  spoilt(`no ${kind} image`, (members) => {
    for (const name of members.keys()) if (name.startsWith(`checkpoint/${kind}`)) members.delete(name);
  });
}

// Memory.
const pagemap = (...entries: readonly object[]): MadeImage => {
  return {
    magic: 'PAGEMAP',
    entries: [{ pages_id: 1 }, ...entries.map((one) => ({ compat_nr_pages: 0, ...one }))],
  };
};
const huge = 2 ** 52;
withImages('2^60 pages', {
  'pagemap-1.img': pagemap({ vaddr: 4096, nr_pages: '1152921504606846976', flags: 4 }),
});
withImages('2^51 pages that are present', {
  'pagemap-1.img': pagemap({ vaddr: 4096, nr_pages: huge / 2, flags: 4 }),
});
withImages('2^51 pages that are elsewhere', {
  'pagemap-1.img': pagemap(
    { vaddr: 4096, nr_pages: huge / 4, flags: 2 },
    { vaddr: huge * 2048, nr_pages: huge / 4, flags: 1 },
  ),
});
withImages('pages that wrap around and overlap', {
  'pagemap-1.img': pagemap(
    { vaddr: '0xfffffffffffff000', nr_pages: 5, flags: 4 },
    { vaddr: 0, nr_pages: 1, flags: 4 },
  ),
  'pagemap-4.img': pagemap({ vaddr: 8192, nr_pages: 5, flags: 4 }, { vaddr: 12288, nr_pages: 1, flags: 4 }),
});
spoilt('pages of the dump before, which is this one', (members) => {
  put(members, 'checkpoint/pagemap-1.img', pagemap({ vaddr: 4096, nr_pages: 64, flags: 1 }));
  members.set('checkpoint/parent', { name: 'checkpoint/parent', type: 'symlink', linkName: '../checkpoint' });
});
const vma = {
  start: 0,
  end: '0xffffffffffffffff',
  pgoff: '0xffffffffffffffff',
  shmid: 9,
  prot: 7,
  flags: 2,
  status: 513,
  fd: -1,
};
withImages('maps over the whole of memory', {
  'mm-1.img': memoryMap({
    mm_arg_start: 1,
    mm_arg_end: '0xffffffffffffffff',
    mm_env_start: 2,
    mm_env_end: '0xfffffffffffffffe',
    vmas: [vma, vma, { ...vma, start: '0xffffffffffffffff', end: 0 }],
    mm_saved_auxv: [6, '0xffffffffffffffff', 6],
  }),
});
withImages('130,000 stretches of pages in one map', {
  'pagemap-1.img': {
    magic: 'PAGEMAP',
    entries: Array.from({ length: 130_000 }, (_, at) => {
      return at === 0 ? { pages_id: 1 } : { vaddr: at * 8192, compat_nr_pages: 0, nr_pages: 1, flags: 2 };
    }),
  },
  'mm-1.img': memoryMap({ vmas: [{ ...vma, end: 2 ** 40, pgoff: 0 }] }),
});
withImages('100,000 maps', {
  'mm-1.img': memoryMap({
    vmas: Array.from({ length: 100_000 }, (_, at) => ({ ...vma, start: at * 8192, end: at * 8192 + 4096 })),
  }),
});

// What follows entries.
const length32 = 4294967295;
withImages('payloads longer than anything', {
  'pipes-data.img': imageBytes({ magic: 'PIPES_DATA', entries: [{ pipe_id: 1, bytes: 0, extra: '' }] }),
  'sk-queues.img': raw(0x56264026, 6, 0, 0, 0, 8, 1, 16, 255, 255, 127),
  'ipcns-msg-9.img': raw(0x55453737, 2, 0, 0, 0, 8, 1),
  'ghost-file-1.img': raw(0x52583605, 2, 0, 0, 0, 8, 1),
  'bpfmap-data.img': imageBytes({
    magic: 'BPFMAP_DATA',
    entries: [{ map_id: 1, keys_bytes: 0, values_bytes: 0, count: length32, extra: '' }],
  }),
});
withImages('filters that follow each other in a circle', {
  'seccomp.img': {
    magic: 'SECCOMP',
    entries: [
      {
        seccomp_filters: [
          { filter: '/////////w==', prev: 1 },
          { filter: 'AAAA', prev: 0 },
        ],
      },
    ],
  },
});
withImages('raw images of noise', {
  'ifaddr-10.img': new Uint8Array(4096).fill(0xff),
  'netns-ct-10.img': new Uint8Array(4096).fill(0x04),
  'netns-exp-10.img': Uint8Array.of(17, 0, 0, 0),
  'tmpfs-dev-57.tar.gz.img': gzipSync(new Uint8Array(100_000).fill(0x41)),
  'iptables-10.img': Buffer.from('\x1b[2J'.repeat(1000)),
});
spoilt('text that speaks to the terminal', (members) => {
  const nasty = '\x1b[2J\x1b]0;owned\x07\r\n\u202e';
  put(members, 'dump.log', `(00.1) Error (criu/x.c:1): ${nasty} Dumping FAILED\n`);
  put(members, 'container.log', `${nasty}\n`.repeat(50));
  put(members, 'deleted.files', JSON.stringify([nasty]));
  put(
    members,
    'config.dump',
    JSON.stringify({ id: nasty, name: nasty, rootfsImage: nasty, runtime: nasty, createdTime: nasty }),
  );
  put(
    members,
    'spec.dump',
    JSON.stringify({
      annotations: { [nasty]: nasty },
      mounts: [{ destination: nasty, type: nasty, source: nasty }],
    }),
  );
  put(members, 'checkpoint/utsns-12.img', {
    magic: 'UTSNS',
    entries: [{ nodename: nasty, domainname: nasty }],
  });
});

// Bombs: much comes out of little.
async function packed(
  pack: Readable & NodeJS.WritableStream,
  mebibytes: number,
  name: string,
): Promise<Buffer> {
  const zeros = Buffer.alloc(1 << 20);
  const members = [...(await real()).values()].filter((one) => one.name !== name);
  const content = (async function* () {
    for (let at = 0; at < mebibytes; at++) yield zeros;
  })();
  const tar = writeTar([...members, { name, size: mebibytes << 20, content }]);
  const out: Buffer[] = [];
  for await (const piece of Readable.from(tar).pipe(pack)) out.push(piece as Buffer);
  return Buffer.concat(out);
}
for (const name of ['config.dump', 'checkpoint/pstree.img', 'checkpoint/pages-1.img'] as const) {
  add(`gzip: 300 MiB of ${name}`, () => packed(createGzip({ level: 1 }), 300, name));
  add(`zstd: 300 MiB of ${name}`, () => packed(createZstdCompress() as never, 300, name));
}
spoilt('a root file system of 500 MiB in little', (members) => {
  put(members, 'rootfs-diff.tar', zstdCompressSync(new Uint8Array(500 << 20)));
});
add('a tar of 20,000 names', () =>
  tarOf(Array.from({ length: 20_000 }, (_, at) => ({ name: `checkpoint/${at}`, content: new Uint8Array() }))),
);
add('nothing', async () => new Uint8Array());
add('noise', async () => new Uint8Array(100_000).map((_, at) => (at * 2654435761) >>> 13));
add('gzip that ends early', async () => gzipSync(await tarOf((await real()).values())).subarray(0, 20_000));
add('zstd that ends early', async () =>
  zstdCompressSync(await tarOf((await real()).values())).subarray(0, 20_000),
);
for (const [name, head] of [
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
  ['bzip2', [0x42, 0x5a, 0x68, 0x39]],
  ['lz4', [4, 0x22, 0x4d, 0x18]],
  ['zip', [0x50, 0x4b, 3, 4]],
] as const) {
  add(`packed with ${name}`, async () => Uint8Array.from([...head, ...Array(1000).fill(7)]));
}

export const hostileArchives: readonly HostileArchive[] = archives;
