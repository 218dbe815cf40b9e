import { CodedError } from '../errors/coded-error.ts';
import { commands } from './commands.ts';
import type { Console } from './console.ts';
import { DescriptorOutput } from './output/descriptor.ts';
import { run } from './run.ts';

/** The name we were called by, whatever path or link led here. */
function programName(): string {
  const called = process.versions['bun'] ? process.argv0 : (process.argv[1] ?? '');
  return /(^|\/)checkpointctl[^/]*$/.test(called) ? 'checkpointctl' : 'stasis';
}

/** Aborted by the first SIGINT or SIGTERM; the second ends the program at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  const on = (name: string, status: number): void => {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(status);
      controller.abort(new CodedError('cancelled', `interrupted by ${name}`));
    });
  };
  on('SIGINT', 130);
  on('SIGTERM', 143);
  return controller.signal;
}

async function* standardInput(): AsyncGenerator<Uint8Array> {
  const { createReadStream } = await import('node:fs');
  yield* createReadStream('', { fd: 0, autoClose: false, highWaterMark: 1 << 20 });
}

const out = new DescriptorOutput(1, 1 << 14);
const err = new DescriptorOutput(2, 0);
let signal: AbortSignal | undefined;

const console: Console = {
  program: programName(),
  out,
  err,
  input: standardInput,
  env: process.env,
  get signal() {
    signal ??= interruption();
    return signal;
  },
  now: () => new Date(),
};

process.exit(await run(commands, process.argv.slice(2), console));
