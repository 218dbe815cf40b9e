import type { ApiRequest } from './api-request.ts';

/**
 * Pieces as they come, as fast as the client takes them. The first is waited for, so that an error has its status;
 * one that comes later breaks the connection off, so that nobody takes a part for the whole.
 */
export async function streamed(
  pieces: AsyncIterable<Uint8Array>,
  { method }: Pick<ApiRequest, 'method'>,
  headers: Record<string, string>,
): Promise<Response> {
  const all = { ...headers, 'cache-control': 'no-store' };
  const iterator = pieces[Symbol.asyncIterator]();
  let next = await iterator.next();
  if (method === 'HEAD') {
    await iterator.return?.();
    return new Response(null, { status: 200, headers: all });
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (next.done) return controller.close();
      controller.enqueue(next.value);
      next = await iterator.next();
      if (next.done) controller.close();
    },
    async cancel() {
      await iterator.return?.();
    },
  });
  return new Response(body, { status: 200, headers: all });
}
