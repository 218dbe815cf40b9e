import type { IncomingMessage } from 'node:http';

/** Requests whose bodies may take as long as they go on coming. */
const patient = new WeakSet<IncomingMessage>();

/** Lets the body of this request take its time: it was let in, and is large. */
export function allowLongBody(incoming: IncomingMessage): void {
  patient.add(incoming);
}

/**
 * Calls `late` where the body of a request has not come after so many milliseconds; of one that may take long, where
 * nothing of it came for that time.
 */
export function limitBodyTime(incoming: IncomingMessage, milliseconds: number, late: () => void): void {
  let before = incoming.socket.bytesRead;
  const timer = setInterval(() => {
    const { bytesRead } = incoming.socket;
    if (incoming.complete || incoming.destroyed) return clearInterval(timer);
    if (patient.has(incoming) && (bytesRead > before || incoming.isPaused())) {
      before = bytesRead;
      return;
    }
    clearInterval(timer);
    late();
  }, milliseconds);
  timer.unref?.();
  const over = (): void => clearInterval(timer);
  incoming.once('end', over);
  incoming.once('close', over);
}
