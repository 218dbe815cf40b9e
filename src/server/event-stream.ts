import type { Operation } from '../api/stasis.ts';

/** Milliseconds between two signs of life where nothing happens. */
const heartbeat = 15_000;

/** Server-sent events: each state of an operation, the last of them named `end`. */
export function eventStream(states: AsyncGenerator<Operation>, signal: AbortSignal): Response {
  const encoder = new TextEncoder();
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => {
        // Who does not read gets none; the states wait for it, the newest alone.
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(': still here\n\n'));
      }, heartbeat);
    },
    async pull(controller) {
      const { value, done } = await states.next();
      if (done || signal.aborted) {
        clearInterval(timer);
        controller.close();
        return;
      }
      const name = value.state === 'running' ? 'progress' : 'end';
      const text = `id: ${++count}\nevent: ${name}\ndata: ${JSON.stringify(value)}\n\n`;
      controller.enqueue(encoder.encode(text));
    },
    async cancel() {
      clearInterval(timer);
      await states.return(undefined);
    },
  });
  const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
  return new Response(body, { status: 200, headers });
}
