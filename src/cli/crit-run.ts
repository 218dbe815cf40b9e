import { concat } from '../bytes/concat.ts';
import { type JsonValue, pythonJson } from '../bytes/python-json.ts';
import { textOf } from '../bytes/text.ts';
import { encodeCrit } from '../criu/crit-encode.ts';
import { exploreFds, exploreMems, explorePs, exploreRss, exploreSk } from '../criu/crit-explore.ts';
import { critInfo, critText } from '../criu/crit-json.ts';
import { decodeImage } from '../criu/image.ts';
import type { ImageSet } from '../criu/image-set.ts';
import { CodedError } from '../errors/coded-error.ts';
import { writeFileAtomic } from '../localfs/atomic-file.ts';
import { openFileSource } from '../localfs/file-source.ts';
import { UsageError } from './command.ts';
import type { Console } from './console.ts';
import { printable } from './output/escape.ts';
import { withImages } from './with-images.ts';

/** Longest image or JSON text that is converted, in bytes. */
const longestInput = 1 << 30;

interface Files {
  in: string;
  out: string;
}

/** Whoever decodes one image wants all of it, pagemaps of large processes included. */
const whole = { maxEntries: 4_000_000 };

export async function critDecode(flags: Files & { pretty: boolean }, console: Console): Promise<void> {
  const image = decodeImage(await readInput(flags.in, console), flags.in || 'standard input', whole);
  const text = critText(image, { pretty: flags.pretty });
  if (flags.out === '') console.out.write(`${text}\n`);
  else await writeFileAtomic(flags.out, Buffer.from(text));
}

export async function critEncode(flags: Files, console: Console): Promise<void> {
  const bytes = encodeCrit(textOf(await readInput(flags.in, console)));
  if (flags.out === '') console.out.write(bytes);
  else await writeFileAtomic(flags.out, bytes);
}

export async function critInfoOf(path: string, console: Console): Promise<void> {
  const image = decodeImage(await readInput(path, console), path, whole);
  console.out.write(`${pythonJson({ ...critInfo(image) }, 4)}\n`);
}

export async function critShow(path: string, noPayload: boolean, console: Console): Promise<void> {
  const image = decodeImage(await readInput(path, console), path, whole);
  console.out.write(`${critText(image, { pretty: true, noPayload })}\n`);
}

/** Each exploration as lines to print; what comes from the images in them is escaped when it is printed. */
const explorations: Readonly<Record<string, (images: ImageSet) => Promise<string[]>>> = {
  ps: explorePs,
  fd: exploreFds,
  fds: exploreFds,
  mem: exploreMems,
  mems: exploreMems,
  rss: exploreRss,
  sk: async (images) => [pythonJson((await exploreSk(images)) as JsonValue, 4)],
};

export async function critExplore(path: string, what: string, console: Console): Promise<void> {
  const explore = Object.hasOwn(explorations, what) ? explorations[what] : undefined;
  if (!explore)
    throw new UsageError(`unknown exploration "${printable(what)}": one of ps, fds, mems, rss, sk`);
  await withImages(path, console, async (images) => {
    for (const line of await explore(images)) {
      console.out.write(`${what === 'sk' ? line : line.split('\t').map(printable).join('\t')}\n`);
    }
  });
}

async function readInput(path: string, console: Console): Promise<Uint8Array> {
  if (path !== '' && path !== '-') {
    const source = await openFileSource(path);
    try {
      if (source.size > longestInput) throw tooLong(path);
      return await source.read(0, source.size);
    } finally {
      await source.close();
    }
  }
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of console.input()) {
    length += piece.length;
    if (length > longestInput) throw tooLong('standard input');
    pieces.push(piece);
  }
  return concat(pieces);
}

function tooLong(path: string): CodedError {
  return new CodedError('resource-exhausted', `${path} is longer than ${longestInput} bytes`);
}
