import type { StasisClient } from '../api/client.ts';
import type { Operation } from '../api/stasis.ts';
import { CommandError } from './command.ts';
import type { Console } from './console.ts';
import { printable } from './output/escape.ts';
import { byteText } from './output/quantities.ts';

/**
 * Waits for an operation and says on standard error how far it is: on a terminal in one line, else a line for each
 * stage. An interrupt cancels it.
 * @returns it as it ended
 * @throws CommandError in the daemon's words where it failed
 */
export async function followOperation(
  client: StasisClient,
  begun: Operation,
  console: Console,
): Promise<Operation> {
  let last = begun;
  try {
    for await (const state of client.follow(begun.id, console.signal)) {
      show(state, last, console);
      last = state;
    }
  } catch (error) {
    if (!console.signal.aborted) throw error;
    last = await client.cancel(begun.id, AbortSignal.timeout(60_000));
  } finally {
    if (console.err.isTerminal) console.err.write('\r\u001b[K');
  }
  if (last.state === 'succeeded') return last;
  const { code, message, hint } = last.error ?? { code: 'unavailable', message: 'the daemon stopped' };
  throw new CommandError(printable(message), { code, ...(hint ? { hint: printable(hint) } : {}) });
}

function show(state: Operation, last: Operation, { err }: Console): void {
  const text = describe(state);
  if (err.isTerminal) err.write(`\r${text.slice(0, Math.max(20, err.columns - 1))}\u001b[K`);
  else if (state.stage !== last.stage) err.write(`${text}\n`);
}

/** `dumping 3.0 MiB of 64.0 MiB` */
function describe({ stage, written, estimated }: Operation): string {
  const of = estimated ? ` of ${byteText(estimated)}` : '';
  if (written === undefined) return estimated ? `${stage}, about ${byteText(estimated)}` : stage;
  return `${stage} ${byteText(written)}${of}`;
}
