import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { IdentityIndex } from '../localfs/identity-index.ts';
import { capturedConsole } from './captured-console.ts';
import { commands } from './commands.ts';
import { run } from './run.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');
const crio = join(fixtures, 'crio-1.37-runc.tar');
const containerd = join(fixtures, 'containerd-2.1.9-crun.tar');
const podman = join(fixtures, 'podman-5.8.6-crun-zstd.tar');

async function checkpointctl(...line: string[]) {
  const console = capturedConsole({ program: 'checkpointctl', now: new Date(2026, 10, 21, 3, 4, 5) });
  const status = await run(commands, line, console);
  return { status, out: console.out.text, err: console.err.text };
}

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stasis-commands-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('show FILE: heading and table', async () => {
  assert.deepEqual(await checkpointctl('show', crio), {
    status: 0,
    out: `
Displaying container checkpoint data from ${crio}

CONTAINER   IMAGE             ID             RUNTIME   CREATED                          ENGINE   CHKPT SIZE   ROOT FS DIFF SIZE
---------   -----             --             -------   -------                          ------   ----------   -----------------
c1          test.local/bb:1   95e5fbcd180f   runc      2026-11-21T01:03:23.808124007Z   CRI-O    149.1 KiB    2.5 KiB
`,
    err: '',
  });
});

test('show FILE FILE: no heading, every column', async () => {
  const { out } = await checkpointctl('show', crio, containerd);
  assert.match(out, /^CONTAINER {3}IMAGE {17}ID /);
  assert.equal(out.split('\n').length, 5);
});

test('inspect: the tree of an archive with everything', async () => {
  const { status, out, err } = await checkpointctl(
    'inspect',
    '--stats',
    '--metadata',
    '--ps-tree-cmd',
    podman,
  );
  assert.deepEqual([status, err], [0, '']);
  assert.equal(
    out,
    `
Displaying container checkpoint tree view from ${podman}

pc
├── Image: test.local/bb:1
├── ID: cd101a2cc3c9e871040737e3f0d3ba74411073691a06d6f8bde2c79a4c599c6f
├── Runtime: /tmp/research/scripts/oci-nores-crun
├── Created: 2026-11-21T01:01:37Z
├── Engine: Podman
├── Checkpoint size: 158.4 KiB
│   └── Memory pages size: 128.0 KiB
├── Root FS diff size: 2.0 KiB
├── CRIU dump statistics
│   ├── Freezing time: 2.128 ms
│   ├── Frozen time: 127.86 ms
│   ├── Memdump time: 871 µs
│   ├── Memwrite time: 153 µs
│   ├── Pages scanned: 46
│   └── Pages written: 32
├── Metadata
│   └── Annotations
│       ├── io.container.manager: libpod
│       ├── org.opencontainers.image.stopSignal: 15
│       ├── org.systemd.property.KillSignal: 15
│       └── org.systemd.property.TimeoutStopUSec: uint64 10000000
└── Process tree
    └── [1]  /bin/sh -c i=0; while true; do i=$((i+1)); echo $i; echo $i > /tmp/count; sleep 0.2; done${' '}
        └── [10]  sleep 0.2${' '}

`,
  );
});

test('inspect: annotations that hold JSON are taken apart', async () => {
  const { out } = await checkpointctl('inspect', '--metadata', crio);
  assert.match(out, /io\.kubernetes\.cri-o\.Labels\n.*│ {3}├── io\.kubernetes\.container\.name: c1\n/);
  assert.match(out, /├── Pod name: p1\n {4}├── Kubernetes namespace: default\n {4}└── Annotations\n/);
  assert.match(out, /├── Engine: CRI-O\n├── IP: 10\.88\.0\.2\n/);
});

test('inspect --format json: the members of checkpointctl, for each file', async () => {
  const { out } = await checkpointctl('inspect', '--all', '--format', 'json', crio, containerd);
  const [first, second] = JSON.parse(out);
  assert.deepEqual(Object.keys(first).slice(0, 10), [
    'container_name',
    'image',
    'id',
    'runtime',
    'created',
    'checkpointed',
    'engine',
    'ip',
    'checkpoint_size',
    'statistics',
  ]);
  assert.deepEqual(first.checkpoint_size, {
    total_size: 152647,
    memory_pages_size: 143360,
    root_fs_diff_size: 2560,
  });
  assert.deepEqual(first.process_tree.children[0].cmdline, 'sleep 0.2 ');
  assert.equal(first.process_tree.children[0].environment_variables.PWD, '/');
  assert.equal(first.metadata.annotations['io.kubernetes.cri-o.Metadata'].name, 'c1');
  assert.equal(second.mounts[0].destination, '/proc');
});

test('inspect --pid: that process alone, and a message where there is none', async () => {
  const { out } = await checkpointctl('inspect', '-p', '21', crio);
  assert.match(out, /└── Process tree\n {4}└── \[21\] {2}sleep\n\n$/);
  const { status, err } = await checkpointctl('inspect', '--pid', '77', crio);
  assert.equal(status, 1);
  assert.equal(err, 'Error: no process with PID 77 (use `inspect --ps-tree` to view all PIDs)\n');
});

test('inspect: one bad file costs its own report and the status', async (t) => {
  const folder = await scratch(t);
  await writeFile(join(folder, 'junk'), 'junk');
  await writeFile(join(folder, 'empty'), '');
  const { status, out, err } = await checkpointctl(
    'inspect',
    join(folder, 'junk'),
    crio,
    join(folder, 'empty'),
    '/nope',
  );
  assert.equal(status, 1);
  assert.match(out, /Engine: CRI-O/);
  assert.equal(
    err.replaceAll(folder, 'F'),
    `Error: unexpected EOF: the archive is cut off before offset 0
Error: checkpoint directory is missing in the archive file: F/empty
Error: stat /nope: no such file or directory
`,
  );
});

test('inspect --format xml: refused', async () => {
  const { status, err } = await checkpointctl('inspect', '--format', 'xml', crio);
  assert.deepEqual([status, err], [1, 'Error: invalid output format: xml\n']);
});

test('inspect: the same report through plain tar, gzip, zstd and from a seekable archive', async (t) => {
  const folder = await scratch(t);
  const plain = zstdDecompressSync(await readFile(podman));
  const views: string[] = [];
  for (const [name, bytes] of [
    ['tar', plain],
    ['gzip', gzipSync(plain)],
    ['zstd', zstdCompressSync(plain)],
  ] as const) {
    const path = join(folder, 'checkpoint');
    await writeFile(path, bytes);
    const { status, out, err } = await checkpointctl('inspect', '--all', path);
    assert.deepEqual([status, err], [0, ''], name);
    views.push(out);
  }
  assert.equal(views[1], views[0]);
  assert.equal(views[2], views[0]);
  assert.ok(gunzipSync(gzipSync(plain)).equals(plain));
});

test('list: archives by name, one table for all directories, bad ones named on standard error', async (t) => {
  const folder = await scratch(t);
  await copyFile(crio, join(folder, 'checkpoint-b.tar'));
  await copyFile(containerd, join(folder, 'checkpoint-a.tar'));
  await copyFile(podman, join(folder, 'checkpoint-c.tar'));
  await writeFile(join(folder, 'checkpoint-d.tar'), 'junk');
  await copyFile(podman, join(folder, 'other.tar'));
  const { status, out, err } = await checkpointctl('list', folder, '/nope');
  assert.equal(status, 0);
  assert.equal(
    out,
    `Listing checkpoints in path: ${folder}
NAMESPACE   POD   CONTAINER   ENGINE       TIME CHECKPOINTED     CHECKPOINT NAME
---------   ---   ---------   ------       -----------------     ---------------
default     p1    c1          containerd   21 Nov 26 00:33 UTC   checkpoint-a.tar
default     p1    c1          CRI-O        21 Nov 26 01:03 UTC   checkpoint-b.tar
                  pc          Podman       01 Jan 01 00:00 UTC   checkpoint-c.tar
`,
  );
  assert.equal(
    err,
    `2026/11/21 03:04:05 Error extracting information from ${folder}/checkpoint-d.tar: unexpected EOF: the archive is cut off before offset 0\n`,
  );
});

test('list takes what is remembered of an archive that did not change; --no-index and limits read it', async (t) => {
  const folder = await scratch(t);
  const path = join(folder, 'checkpoint-a.tar');
  await copyFile(crio, path);
  const cache = join(folder, 'cache');
  const index = IdentityIndex.open(join(cache, 'lists'), folder, () => Date.now() + 60_000);
  const stamp = index?.stamp(path);
  assert.ok(index && stamp);
  const other = { engine: 'stasis', id: '', name: 'remembered', image: '', created: '' } as const;
  index.add(path, stamp, { ...other, checkpointed: undefined, pod: '', namespace: '' });
  await index.save();
  const list = async (...flags: string[]): Promise<string> => {
    const console = capturedConsole({ env: { CACHE_DIRECTORY: cache } });
    assert.equal(await run(commands, ['list', ...flags, folder], console), 0);
    return console.out.text;
  };
  assert.match(await list(), /remembered/);
  assert.match(await list('--no-index'), /default +p1 +c1/);
  assert.match(await list('--max-members=1000'), /default +p1 +c1/);
  await copyFile(containerd, path);
  assert.match(await list(), /default +p1 +c1 +containerd/);
});

test('list: nothing found is not a failure', async (t) => {
  const folder = await scratch(t);
  await mkdir(join(folder, 'sub'));
  assert.deepEqual(await checkpointctl('list', folder, '/nope'), {
    status: 0,
    out: `No checkpoints found in [${folder} /nope]\n`,
    err: '',
  });
});

const sockets = join(fixtures, 'crun-1.28-sockets.tar');

test('inspect --files --sockets: descriptors and sockets below their process', async () => {
  const { status, out, err } = await checkpointctl('inspect', '--files', '--sockets', sockets);
  assert.deepEqual([status, err], [0, '']);
  assert.match(out, /├── Open files\n {8}│ {3}├── \[REG 0\] {2}\/dev\/null\n/);
  assert.match(out, /├── \[cwd\] {2}\/\n {8}│ {3}└── \[root\] {2}\/\n {8}└── Open sockets\n/);
  assert.ok(out.includes('[TCP (LISTEN)]  127.0.0.1:8080 -> 0.0.0.0:0 (↑ 16.0 KB ↓ 128.0 KB)\n'));
  assert.ok(out.includes('[UDP]  [::1]:5354 -> [::]:0 (↑ 208.0 KB ↓ 208.0 KB)\n'));
  assert.ok(out.includes('[UNIX (DGRAM)]  /tmp/datagrams.sock\n'));
});

test("inspect --files --sockets --format json: checkpointctl's members", async () => {
  const { out } = await checkpointctl('inspect', '--files', '--sockets', '--format', 'json', sockets);
  const [node] = JSON.parse(out);
  assert.deepEqual(node.file_descriptors[0].open_files[0], { type: 'REG', fd: 'REG 0', path: '/dev/null' });
  assert.deepEqual(node.file_descriptors[0].open_files.at(-1), { type: '', fd: 'root', path: '/' });
  assert.deepEqual(node.sockets[0].open_sockets[0], {
    protocol: 'TCP',
    data: {
      type: 'TCP',
      state: 'LISTEN',
      src: '127.0.0.1',
      src_port: 8080,
      dst: '0.0.0.0',
      send_buf: '16.0 KB',
      recv_buf: '128.0 KB',
    },
  });
  assert.equal(node.sections, undefined);
});

test('inspect --section: every section there is, in tree and JSON; unknown ones are refused', async () => {
  const { sectionNames } = await import('../inspect/sections.ts');
  const { inspect } = await import('./commands/inspect.ts');
  const flag = inspect.flags['section'];
  assert.deepEqual(flag?.kind === 'stringArray' && flag.values?.toSorted(), ['all', ...sectionNames].sort());
  const tree = await checkpointctl('inspect', '--section', 'details', '--section', 'mounts', crio);
  assert.match(tree.out, /├── Details\n│ {3}├── pid 1\n/);
  assert.match(tree.out, /CAP_KILL/);
  const json = await checkpointctl('inspect', '--section', 'all', '--format', 'json', crio);
  const [node] = JSON.parse(json.out);
  assert.equal(json.err, '');
  assert.equal(node.sections.details[0].pid, 1);
  assert.ok(node.sections.maps.length > 0 && node.sections.rootfs.length > 0);
  const refused = await checkpointctl('inspect', '--section', 'nope', crio);
  assert.deepEqual([refused.status, refused.err.split('\n')[0]], [1, 'Error: unknown section: nope']);
});
