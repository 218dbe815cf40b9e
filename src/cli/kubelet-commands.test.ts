import assert from 'node:assert/strict';
import { existsSync, lstatSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeTar } from '../archive/tar-writer.ts';
import { concat } from '../bytes/concat.ts';
import { utf8 } from '../bytes/text.ts';
import { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import { capturedConsole } from './captured-console.ts';
import { commands } from './commands.ts';
import { run } from './run.ts';

/** Two pods of two containers each, as the kubelet's proof of concept wrote them. */
const twoPods = (first = 1): string =>
  JSON.stringify({
    version: 0,
    CheckpointedPods: [first, first + 1].map((pod) => ({
      'io.kubernetes.pod.uid': `uid${pod}`,
      SandboxID: `sandbox${pod}`,
      'io.kubernetes.pod.name': `pod${pod}-name`,
      'io.kubernetes.pod.namespace': `default${pod}`,
      Containers: [2 * pod - 1, 2 * pod].map((container) => ({
        'io.kubernetes.container.name': `container${container}`,
        Image: `image${container}`,
      })),
      podIP: `10.0.0.${pod}`,
    })),
  });

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stasis-kubelet-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** A kubelet checkpoints directory with two pods and their archives. */
async function kubelet(t: TestContext, list: string = twoPods()): Promise<string> {
  const target = join(await scratch(t), 'checkpoints');
  await mkdir(target);
  await writeFile(join(target, 'checkpointed.pods'), list);
  await writeFile(join(target, 'sandbox1.tar'), 'memory one', { mode: 0o640 });
  await writeFile(join(target, 'sandbox2.tar'), Buffer.alloc(300_000, 'two'));
  return target;
}

async function checkpointctl(...line: string[]) {
  const console = capturedConsole({ program: 'checkpointctl' });
  const status = await run(commands, line, console);
  return { status, out: console.out.text, err: console.err.text };
}

async function archiveOf(
  path: string,
  members: Readonly<Record<string, string | Uint8Array>>,
): Promise<string> {
  const list = Object.entries(members).map(([name, content]) => ({
    name,
    content: typeof content === 'string' ? utf8(content) : content,
  }));
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(list)) pieces.push(piece);
  await writeFile(path, concat(pieces));
  return path;
}

const rows = `+-----------+-----------+------------+--------+---------------+---------+
| pod1-name | default1  | container1 | image1 | true          | uid1    |
+           +           +------------+--------+               +         +
|           |           | container2 | image2 |               |         |
+-----------+-----------+------------+--------+               +---------+
| pod2-name | default2  | container3 | image3 |               | uid2    |
+           +           +------------+--------+               +         +
|           |           | container4 | image4 |               |         |
+-----------+-----------+------------+--------+---------------+---------+
`;

test('show -t: heading, table and archives of a directory', async (t) => {
  const target = await kubelet(t);
  const { status, out, err } = await checkpointctl('show', '-t', target, '--show-pod-uid');
  assert.deepEqual([status, err], [0, '']);
  const head = `+-----------+-----------+------------+--------+---------------+---------+
|    POD    | NAMESPACE | CONTAINER  | IMAGE  | ARCHIVE FOUND | POD UID |
`;
  assert.equal(out, `\nDisplaying data from ${target}/checkpointed.pods\n\n${head}${rows}`);
});

test('show --target --show-pod-ip: the column, and false where the archive is missing', async (t) => {
  const target = await kubelet(t);
  await rm(join(target, 'sandbox2.tar'));
  const { out } = await checkpointctl('show', `--target=${target}/`, '--show-pod-ip');
  assert.match(out, /\| ARCHIVE FOUND \| {2}POD IP {2}\|\n/);
  assert.match(out, /\| pod2-name \| default2 {2}\| container3 \| image3 \| false {9}\| 10.0.0.2 \|\n/);
});

test('show: pods without containers are not seen, an empty list is a table of headers', async (t) => {
  const target = await kubelet(t, '{"version":0,"CheckpointedPods":[{"SandboxID":"s","Containers":null}]}');
  const { status, out } = await checkpointctl('show', '-t', target);
  assert.equal(status, 0);
  assert.equal(out.split('\n').length, 7);
  assert.match(out, /\|\s+POD\s+\|.*\n\+-/);
});

test('show: what comes from outside is escaped, and a SandboxID never leads out of the directory', async (t) => {
  const list = JSON.stringify({
    CheckpointedPods: [{ SandboxID: '../checkpoints/sandbox1', Containers: [{ Image: 'a\u001b[2Jb\nc' }] }],
  });
  const { out } = await checkpointctl('show', '-t', await kubelet(t, list));
  assert.match(out, /\| a\\x1b\[2Jb\\nc \| false/);
});

for (const compression of ['none', 'GZIP', 'zstd']) {
  test(`extract -c ${compression}, show, insert: the pods arrive`, async (t) => {
    const target = await kubelet(t);
    const output = join(target, 'out.tar');
    const extracted = await checkpointctl('extract', '-t', target, '-o', output, '-c', compression);
    assert.deepEqual(extracted, {
      status: 0,
      out: `\nExtracting checkpoint data from ${target}/checkpointed.pods\n\n`,
      err: '',
    });
    assert.equal((await stat(output)).mode & 0o777, 0o600);
    const shown = await checkpointctl('show', '--target', output, '--show-pod-uid');
    assert.ok(shown.out.startsWith(`\nDisplaying data from ${output}/checkpointed.pods\n\n`));
    assert.ok(shown.out.endsWith(rows), shown.out + shown.err);
    const other = join(await scratch(t), 'var/lib/kubelet/checkpoints');
    for (let time = 0; time < 2; time++) {
      assert.deepEqual(await checkpointctl('insert', '-i', output, '-t', other), {
        status: 0,
        out: '',
        err: '',
      });
    }
    const inserted = await checkpointctl('show', '-t', other, '--show-pod-uid');
    assert.ok(inserted.out.endsWith(rows), inserted.out + inserted.err);
    for (const name of ['sandbox1.tar', 'sandbox2.tar']) {
      assert.deepEqual(await readFile(join(other, name)), await readFile(join(target, name)));
      assert.equal((await stat(join(other, name))).mode & 0o777, 0o600);
    }
    assert.equal((await stat(join(other, 'checkpointed.pods'))).mode & 0o777, 0o600);
  });
}

test('insert: new pods stand behind those that are there; a listed sandbox is replaced and not yet restored', async (t) => {
  const target = await kubelet(t);
  await new CheckpointsDirectory(target).markRestored('sandbox2', new Date());
  const input = await archiveOf(join(await scratch(t), 'in.tar'), {
    'checkpointed.pods': twoPods(2).replace('pod2-name', 'renamed'),
    'sandbox2.tar': 'new two',
    'sandbox3.tar': 'three',
  });
  assert.equal((await checkpointctl('insert', '-i', input, '-t', target)).err, '');
  const list = await new CheckpointsDirectory(target).read();
  assert.deepEqual(
    list?.pods.map(({ sandboxId, name, restored }) => [sandboxId, name, restored]),
    [
      ['sandbox1', 'pod1-name', ''],
      ['sandbox2', 'renamed', ''],
      ['sandbox3', 'pod3-name', ''],
    ],
  );
  assert.equal(await readFile(join(target, 'sandbox2.tar'), 'utf8'), 'new two');
});

test('insert: only listed archives are taken, as files of ours, through no link', async (t) => {
  const folder = await scratch(t);
  const target = join(folder, 'target');
  await mkdir(target);
  await writeFile(join(folder, 'outside'), 'untouched');
  await symlink(join(folder, 'outside'), join(target, 'sandbox1.tar'));
  const input = await archiveOf(join(folder, 'in.tar'), {
    './checkpointed.pods': twoPods(),
    './sandbox1.tar': 'one',
    'sandbox2.tar': 'old two',
    'stray.tar': 'stray',
    'sub/dir': 'stray',
    '../escaped.tar': 'stray',
    './/sandbox2.tar': 'other',
    'sandbox2.tar/': '',
  });
  const { status, err } = await checkpointctl('insert', '-i', input, '-t', target);
  assert.deepEqual([status, err], [0, '']);
  assert.deepEqual((await readdir(target)).filter((name) => !name.startsWith('.')).sort(), [
    'checkpointed.pods',
    'sandbox1.tar',
    'sandbox2.tar',
  ]);
  assert.ok(lstatSync(join(target, 'sandbox1.tar')).isFile());
  assert.equal(await readFile(join(folder, 'outside'), 'utf8'), 'untouched');
  assert.ok(!existsSync(join(folder, 'escaped.tar')));
});

/** Every failure in the words of the first version; `F` stands for the test's folder. */
const failures: readonly [string, string[], string, ((folder: string) => Promise<unknown>)?][] = [
  [
    'show: no target',
    ['show', '-t', '/nope'],
    'Target /nope access error\n: stat /nope: no such file or directory',
  ],
  [
    'show: no list',
    ['show', '-t', 'F'],
    'Reading "F/checkpointed.pods" failed\n: Error opening "F/checkpointed.pods": open F/checkpointed.pods: no such file or directory',
  ],
  [
    'show: list cut off',
    ['show', '-t', 'F'],
    'Reading "F/checkpointed.pods" failed\n: Error unmarshalling JSON from "F/checkpointed.pods": unexpected end of JSON input',
    (folder) => writeFile(join(folder, 'checkpointed.pods'), ''),
  ],
  [
    'show: list of a wrong type',
    ['show', '-t', 'F'],
    'Reading "F/checkpointed.pods" failed\n: Error unmarshalling JSON from "F/checkpointed.pods": json: cannot unmarshal string into Go struct field CheckpointMetadata.version of type int',
    (folder) => writeFile(join(folder, 'checkpointed.pods'), '{"version":"0"}'),
  ],
  [
    'show: not an archive',
    ['show', '-t', 'F/x'],
    'Unpacking of checkpoint archive F/x failed\n: unexpected EOF: the archive is cut off before offset 0',
    (folder) => writeFile(join(folder, 'x'), 'junk'),
  ],
  [
    'show: an empty archive',
    ['show', '-t', 'F/x'],
    'Reading "F/x/checkpointed.pods" failed\n: Error opening "F/x/checkpointed.pods": open F/x/checkpointed.pods: no such file or directory',
    (folder) => writeFile(join(folder, 'x'), ''),
  ],
  [
    'show: an archive with a broken list',
    ['show', '-t', 'F/x'],
    `Reading "F/x/checkpointed.pods" failed\n: Error unmarshalling JSON from "F/x/checkpointed.pods": invalid character 'j' looking for beginning of value`,
    (folder) => archiveOf(join(folder, 'x'), { 'checkpointed.pods': 'junk' }),
  ],
  [
    'extract: bad algorithm',
    ['extract', '-o', 'F/o', '-c', 'lz4'],
    'Select compression algorithm ("lz4") not supported\n',
  ],
  [
    'extract: no list',
    ['extract', '-t', 'F', '-o', 'F/o'],
    'Reading "F/checkpointed.pods" failed\n: Error opening "F/checkpointed.pods": open F/checkpointed.pods: no such file or directory',
  ],
  [
    'extract: an archive is missing',
    ['extract', '-t', 'F', '-o', 'F/o'],
    'Cannot access "F/sandbox1.tar" failed\n: stat F/sandbox1.tar: no such file or directory',
    (folder) => writeFile(join(folder, 'checkpointed.pods'), twoPods()),
  ],
  [
    'extract: output cannot be made',
    ['extract', '-t', 'F', '-o', 'F/no/o'],
    'Cannot create tar archive "F/no/o" failed\n: open F/no/o: no such file or directory',
    (folder) => writeFile(join(folder, 'checkpointed.pods'), '{}'),
  ],
  [
    'extract: a SandboxID that is a path',
    ['extract', '-t', 'F', '-o', 'F/o'],
    'invalid SandboxID "../secret"\na SandboxID names a file: letters, digits, "_", "." and "-", not starting with a sign, at most 250',
    (folder) =>
      writeFile(join(folder, 'checkpointed.pods'), '{"CheckpointedPods":[{"SandboxID":"../secret"}]}'),
  ],
  [
    'insert: no input',
    ['insert', '-t', 'F'],
    'Unpacking of checkpoint archive  failed\n: open : no such file or directory',
  ],
  [
    'insert: input missing',
    ['insert', '-t', 'F', '-i', 'F/x'],
    'Unpacking of checkpoint archive F/x failed\n: open F/x: no such file or directory',
  ],
  [
    'insert: a folder',
    ['insert', '-i', 'F'],
    'Unpacking of checkpoint archive F failed\n: read F: is a directory',
  ],
  [
    'insert: another kind of archive',
    ['insert', '-t', 'F', '-i', 'F/x'],
    'F/x not a kubelet checkpoint archive\n: Error opening "F/x/checkpointed.pods": open F/x/checkpointed.pods: no such file or directory',
    (folder) => archiveOf(join(folder, 'x'), { 'config.dump': '{}' }),
  ],
  [
    'insert: a broken list',
    ['insert', '-t', 'F', '-i', 'F/x'],
    'F/x not a kubelet checkpoint archive\n: Error unmarshalling JSON from "F/x/checkpointed.pods": unexpected end of JSON input',
    (folder) => archiveOf(join(folder, 'x'), { 'checkpointed.pods': '{' }),
  ],
  [
    'insert: listed but absent',
    ['insert', '-t', 'F', '-i', 'F/x'],
    'Unable to delete "F/x/sandbox2.tar". This should not happen: remove F/x/sandbox2.tar: no such file or directory',
    (folder) => archiveOf(join(folder, 'x'), { 'checkpointed.pods': twoPods(), 'sandbox1.tar': '' }),
  ],
  [
    'insert: a SandboxID that is a path',
    ['insert', '-t', 'F', '-i', 'F/x'],
    'F/x not a kubelet checkpoint archive\n: invalid SandboxID "../secret"',
    (folder) =>
      archiveOf(join(folder, 'x'), {
        'checkpointed.pods': '{"CheckpointedPods":[{"SandboxID":"../secret"}]}',
        '../secret.tar': 'x',
      }),
  ],
  [
    'insert: the target has a broken list',
    ['insert', '-t', 'F', '-i', 'F/x'],
    'could not read kubelet checkpoints metadata at F\n: Error unmarshalling JSON from "F/checkpointed.pods": unexpected end of JSON input',
    async (folder) => {
      await writeFile(join(folder, 'checkpointed.pods'), '{');
      await archiveOf(join(folder, 'x'), {
        'checkpointed.pods': twoPods(),
        'sandbox1.tar': '',
        'sandbox2.tar': '',
      });
    },
  ],
  [
    'insert: the target is a file',
    ['insert', '-t', 'F/x', '-i', 'F/x'],
    'could not read kubelet checkpoints metadata at F/x\n: Error opening "F/x/checkpointed.pods": open F/x/checkpointed.pods: not a directory',
    (folder) =>
      archiveOf(join(folder, 'x'), {
        'checkpointed.pods': twoPods(),
        'sandbox1.tar': '',
        'sandbox2.tar': '',
      }),
  ],
];

for (const [name, line, message, prepare] of failures) {
  test(`${name}: message, status 1, nothing left behind`, async (t) => {
    const folder = await scratch(t);
    await prepare?.(folder);
    const before = await readdir(folder);
    const { status, err } = await checkpointctl(...line.map((word) => word.replace(/^F/, folder)));
    assert.equal(status, 1);
    assert.equal(err.replaceAll(folder, 'F'), `Error: ${message}\n`);
    assert.deepEqual(await readdir(folder), before);
  });
}

test('extract without -o: help, an empty line, the message', async () => {
  const { status, out, err } = await checkpointctl('extract');
  assert.equal(status, 1);
  assert.match(
    out,
    /^Extract all kubelet checkpoints.*Usage:\n {2}checkpointctl extract \[flags\]\n.*\n\n$/s,
  );
  assert.equal(err, 'Error: Specifying an output file (-o|--output) is required\n\n');
});

test('extract: a failure leaves an earlier output as it was', async (t) => {
  const target = await kubelet(t);
  const output = join(target, 'out.tar');
  await writeFile(output, 'earlier');
  await rm(join(target, 'sandbox2.tar'));
  assert.equal((await checkpointctl('extract', '-t', target, '-o', output)).status, 1);
  assert.equal(await readFile(output, 'utf8'), 'earlier');
});

test('show refuses FILEs together with --target', async () => {
  const { status, err } = await checkpointctl('show', '-t', '/tmp', 'file');
  assert.equal(status, 1);
  assert.match(err, /not both/);
});

test('show -t of a container archive: its own heading, columns and statistics', async () => {
  const crio = resolve(import.meta.dirname, '../../fixtures/archives/crio-1.37-runc.tar');
  const { status, out, err } = await checkpointctl('show', '-t', crio, '--print-stats');
  assert.deepEqual([status, err], [0, '']);
  assert.equal(
    out,
    `
Displaying container checkpoint data from ${crio}

+-----------+-----------------+--------------+---------+--------------------------------+--------+-----------+------------+-------------------+
| CONTAINER |      IMAGE      |      ID      | RUNTIME |            CREATED             | ENGINE |    IP     | CHKPT SIZE | ROOT FS DIFF SIZE |
+-----------+-----------------+--------------+---------+--------------------------------+--------+-----------+------------+-------------------+
| c1        | test.local/bb:1 | 95e5fbcd180f | runc    | 2026-11-21T01:03:23.808124007Z | CRI-O  | 10.88.0.2 | 149.1 KiB  | 2.5 KiB           |
+-----------+-----------------+--------------+---------+--------------------------------+--------+-----------+------------+-------------------+
CRIU dump statistics
+---------------+-------------+--------------+---------------+---------------+---------------+
| FREEZING TIME | FROZEN TIME | MEMDUMP TIME | MEMWRITE TIME | PAGES SCANNED | PAGES WRITTEN |
+---------------+-------------+--------------+---------------+---------------+---------------+
| 337 us        | 90405 us    | 616 us       | 122 us        |            49 |            35 |
+---------------+-------------+--------------+---------------+---------------+---------------+
`,
  );
});

test('show -t of a pod archive: a row for each container, of both layouts', async (t) => {
  const folder = await scratch(t);
  const podDump = '{"metadata":{"name":"p","uid":"u","namespace":"n"},"hostname":"h"}';
  const old = await archiveOf(join(folder, 'old.tar'), {
    'pod.dump': podDump,
    'pod.options': '{"version":1,"containers":["k8s_one_p_n_u_0","two"]}',
    'k8s_one_p_n_u_0.tar': 'x',
  });
  const shown = await checkpointctl('show', '-t', old, '--show-pod-uid');
  assert.ok(shown.out.startsWith(`\nDisplaying pod checkpoint data from ${old}\n\n`));
  assert.match(shown.out, /\| p {3}\| n {9}\| h {8}\| one {7}\| u {7}\| 1 B {8}\|\n/);
  const today = await archiveOf(join(folder, 'new.tar'), {
    'pod.dump': podDump,
    'pod.options': '{"version":1,"containers":{"one":"one-archive"}}',
    'one-archive.tar': 'xy',
  });
  assert.match((await checkpointctl('show', '-t', today)).out, /\| one {7}\| 2 B {8}\|\n/);
});
