import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { capturedConsole } from './captured-console.ts';
import { commands } from './commands.ts';
import { run } from './run.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/archives');
const podman = join(fixtures, 'podman-5.8.6/runc-volume.tar.zst');

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'stasis-convert-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function convert(...line: string[]) {
  const console = capturedConsole();
  const status = await run(commands, ['convert', ...line], console);
  return { status, out: console.out.text, err: console.err.text };
}

test('convert: the report says what is needed, what is different and what is lost', async (t) => {
  const output = join(scratch(t), 'out.tar');
  const { status, out, err } = await convert(podman, '--to', 'containerd', '-o', output);
  assert.deepEqual([status, err], [0, '']);
  const [first, ...rest] = out.split('\n');
  assert.equal(
    first,
    `runc-volume-tar-zst of localhost/counter:1: Podman to containerd, written to ${output}`,
  );
  const headings = rest.filter((line) => line.endsWith(':') && !line.startsWith(' '));
  assert.deepEqual(headings, ['Needed for the restore:', 'Different from before:', 'Not carried over:']);
  assert.match(out, /^ {2}\/data: the new container needs a mount there/m);
  assert.match(out, /^ {2}volumes\/counted\.tar: /m);
});

test('convert --format json: the same for programs', async (t) => {
  const output = join(scratch(t), 'out.tar');
  const { status, out } = await convert(podman, '--to', 'stasis', '-o', output, '--format', 'json');
  assert.equal(status, 0);
  const report = JSON.parse(out);
  assert.deepEqual(
    [report.from, report.to, report.runtime, report.output],
    ['Podman', 'stasis', 'runc', output],
  );
  for (const note of report.notes) {
    assert.match(note.kind, /^(needed|changed|lost)$/);
    assert.deepEqual(Object.keys(note), ['kind', 'about', 'detail']);
  }
});

test('convert: a wrong command line is refused before anything is read or written', async (t) => {
  const folder = scratch(t);
  const output = join(folder, 'out.tar');
  const wrong: readonly (readonly [RegExp, string[]])[] = [
    [/--to is needed/, [podman, '-o', output]],
    [/--output is needed/, [podman, '--to', 'podman']],
    [/no compressed archive/, [podman, '--to', 'containerd', '-o', output, '--compress', 'zstd']],
    [/--pod is for Podman/, [podman, '--to', 'cri-o', '-o', output, '--pod']],
    [/PATH=SOURCE/, [podman, '--to', 'podman', '-o', output, '--mount', 'data=/srv']],
    [/64 hexadecimal digits/, [podman, '--to', 'podman', '-o', output, '--image-id', 'sha256:1']],
  ];
  for (const [message, line] of wrong) {
    const { status, err } = await convert(...line);
    assert.equal(status, 2);
    assert.match(err, message);
  }
  assert.deepEqual(readdirSync(folder), []);
});
