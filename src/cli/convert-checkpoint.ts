import type { ConversionNote, Target } from '../conversion/conversion.ts';
import { type Converted, convertArchive } from '../localfs/convert-archive.ts';
import { UsageError } from './command.ts';
import type { Console } from './console.ts';
import { printable } from './output/escape.ts';
import { Progress } from './progress.ts';

export interface ConvertFlags {
  to: Target | undefined;
  output: string;
  runtime: 'same' | 'crun' | 'runc';
  bundle: string;
  image: string;
  'image-id': string;
  name: string;
  pod: boolean;
  mount: readonly string[];
  compress: 'none' | 'gzip' | 'zstd';
  format: 'table' | 'json';
}

/** Writes the converted archive and says what whoever restores it has to know. */
export async function convertCheckpoint(
  archive: string,
  flags: ConvertFlags,
  console: Console,
): Promise<void> {
  const { to, output, compress } = flags;
  if (to === undefined) throw new UsageError('--to is needed: containerd, cri-o, podman or stasis');
  if (output === '') throw new UsageError('--output is needed: the file to write');
  if (to === 'containerd' && compress !== 'none')
    throw new UsageError('containerd takes no compressed archive');
  if (flags.pod && to !== 'podman') throw new UsageError('--pod is for Podman; the others always have pods');
  const progress = new Progress(console.err, 'converting');
  let converted: Converted;
  try {
    converted = await convertArchive(archive, output, {
      target: to,
      program: flags.runtime === 'same' ? undefined : flags.runtime,
      bundle: flags.bundle || undefined,
      image: flags.image || undefined,
      imageId: imageIdOf(flags['image-id']),
      findImageId: (image) => podmanImageId(image, console.signal),
      name: flags.name || undefined,
      pod: flags.pod || undefined,
      mounts: mountsOf(flags.mount),
      compression: compress,
      limits: console.limits,
      signal: console.signal,
      onProgress: (done, total) => progress.bytes(done, total),
    });
  } finally {
    progress.done();
  }
  const text =
    flags.format === 'json'
      ? `${JSON.stringify({ ...converted, output }, undefined, 2)}\n`
      : reportOf(converted, output);
  console.out.write(text);
}

function imageIdOf(word: string): string | undefined {
  if (word === '') return undefined;
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(word)) return word;
  throw new UsageError('--image-id is not 64 hexadecimal digits');
}

/** What Podman on this machine calls the image, where there is one and it has it. */
export async function podmanImageId(image: string, signal: AbortSignal): Promise<string | undefined> {
  const { runProgram } = await import('../runtime/builtin/run-program.ts');
  try {
    const asked = ['image', 'inspect', '--format', '{{.Id}}', '--', image];
    const { status, stdout } = await runProgram('podman', asked, { signal, timeoutMs: 10_000 });
    return status === 0 ? imageIdOf(stdout.trim()) : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function mountsOf(words: readonly string[]): Map<string, string> {
  return new Map(
    words.map((word) => {
      const [, path, source] = /^(\/[^=]*)=(\/.*)$/s.exec(word) ?? [];
      if (path === undefined || source === undefined) {
        throw new UsageError(`invalid mount ${JSON.stringify(word)}: expected PATH=SOURCE, both absolute`);
      }
      return [path, source];
    }),
  );
}

const headings: readonly (readonly [ConversionNote['kind'], string])[] = [
  ['needed', 'Needed for the restore'],
  ['changed', 'Different from before'],
  ['lost', 'Not carried over'],
];

function reportOf({ from, to, container, image, notes }: Converted, output: string): string {
  const of = image === '' ? '' : ` of ${printable(image)}`;
  const lines = [`${printable(container)}${of}: ${from} to ${to}, written to ${printable(output)}`];
  for (const [kind, heading] of headings) {
    const these = notes.filter((note) => note.kind === kind);
    if (these.length === 0) continue;
    lines.push('', `${heading}:`);
    for (const { about, detail } of these) lines.push(`  ${printable(about)}: ${printable(detail)}`);
  }
  return `${lines.join('\n')}\n`;
}
