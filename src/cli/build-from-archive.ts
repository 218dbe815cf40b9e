import { buildImage } from '../localfs/build-image.ts';
import type { Console } from './console.ts';
import { printable } from './output/escape.ts';
import { logTime } from './output/go-time.ts';
import { Progress } from './progress.ts';

/** Makes an image of a checkpoint archive and says what was written, as checkpointctl does. */
export async function buildFromArchive(
  checkpoint: string,
  image: string,
  flags: { output: string; layout: boolean },
  console: Console,
): Promise<void> {
  const path = flags.output || defaultOutput(image, flags.layout);
  const progress = new Progress(console.err, 'building');
  try {
    const { reference, digest, basic } = await buildImage({
      checkpoint,
      image,
      target: { kind: flags.layout ? 'directory' : 'archive', path },
      ...(console.limits ? { limits: console.limits } : {}),
      signal: console.signal,
      onProgress: (done, total) => progress.bytes(done, total),
    });
    progress.done();
    for (const [key, value] of Object.entries(basic)) {
      console.out.write(`Added annotation: ${key}=${printable(value)}\n`);
    }
    const time = logTime(console.now());
    const names = `'${printable(image)}' created successfully from checkpoint '${printable(checkpoint)}'`;
    console.err.write(`${time} Image ${names}\n`);
    console.err.write(`${time} ${reference} (${digest}) is in ${printable(path)}\n`);
  } finally {
    progress.done();
  }
}

/** `registry/team/name:tag` becomes `name-tag.oci.tar`. */
function defaultOutput(image: string, layout: boolean): string {
  const last = image.split('/').at(-1) ?? image;
  return last.replaceAll(/[^A-Za-z0-9._-]/g, '-') + (layout ? '.oci' : '.oci.tar');
}
