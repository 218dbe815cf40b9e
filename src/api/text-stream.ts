import { CodedError } from '../errors/coded-error.ts';

/** Longest line that is taken, in characters: a search's hit with all of its context is far below. */
const longestLine = 4 << 20;

/** The lines of a text in UTF-8, without their ends; the last may have none. @throws CodedError for an endless one */
export async function* linesIn(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine) {
      throw new CodedError(
        'resource-exhausted',
        `the daemon sent a line of more than ${longestLine} characters`,
      );
    }
    for (const line of lines) yield line.replace(/\r$/, '');
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

/** The data of server-sent events; comments and other fields are left out. */
export async function* eventsIn(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let data: string[] = [];
  for await (const line of linesIn(pieces)) {
    if (line === '') {
      if (data.length > 0) yield data.join('\n');
      data = [];
    } else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
  }
}
