import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import type { ApiRequest } from './api-request.ts';
import { parseRange } from './range.ts';

/**
 * The bytes of an archive, or the range of them that is asked for, so that a download can be resumed. The file is
 * held open: what is sent is one archive to the end, also where it is deleted meanwhile.
 */
export async function download(path: string, { header, method }: ApiRequest): Promise<Response> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size: bytes, mtimeNs, ino } = await handle.stat({ bigint: true });
    const size = Number(bytes);
    const tag = `"${ino.toString(36)}-${bytes.toString(36)}-${mtimeNs.toString(36)}"`;
    const headers: Record<string, string> = {
      'content-type': 'application/x-tar',
      'content-disposition': attachment(basename(path)),
      'accept-ranges': 'bytes',
      etag: tag,
      'cache-control': 'no-store',
    };
    const held = header('if-none-match')
      ?.split(',')
      .map((one) => one.trim().replace(/^W\//, ''));
    const close = async (status: number, more: Record<string, string> = {}): Promise<Response> => {
      await handle.close();
      return new Response(null, { status, headers: { ...headers, ...more } });
    };
    if (held?.includes(tag) || held?.includes('*')) {
      delete headers['content-type'];
      return await close(304);
    }
    const condition = header('if-range');
    const range = parseRange(
      condition === undefined || condition === tag ? header('range') : undefined,
      size,
    );
    if (range === 'unsatisfiable') return await close(416, { 'content-range': `bytes */${size}` });
    const { start, end } = range ?? { start: 0, end: size - 1 };
    headers['content-length'] = String(end - start + 1);
    if (range) headers['content-range'] = `bytes ${start}-${end}/${size}`;
    const status = range ? 206 : 200;
    if (method === 'HEAD' || size === 0) return await close(status);
    // The stream closes the handle when it ends, or is given up.
    const stream = handle.createReadStream({ start, end, highWaterMark: 1 << 18 });
    return new Response(Readable.toWeb(stream) as ReadableStream, { status, headers });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The name to save it under; some clients know the plain form alone. */
export function attachment(name: string): string {
  const plain = /^[A-Za-z0-9._:+-]+$/.test(name) ? ` filename="${name}";` : '';
  return `attachment;${plain} filename*=UTF-8''${encodeURIComponent(name)}`;
}
