import { execFileSync, spawnSync } from 'node:child_process';
import { styleText } from 'node:util';

const colour = process.stdout.isTTY === true;
const paint = (style: 'bold' | 'cyan' | 'dim', text: string): string =>
  colour ? styleText(style, text) : text;

/** Opens a chapter. */
export function chapter(title: string): void {
  process.stdout.write(`\n${paint('bold', title)}\n`);
}

export function tell(text: string): void {
  process.stdout.write(`  ${text}\n`);
}

export interface Command {
  /** As it is shown; the arguments themselves where it is left out. */
  shown?: string;
  /** Most lines of output that are shown; all of them where it is left out, none with 0. */
  lines?: number;
}

/**
 * Runs a program, shows the command and what it printed, and returns that.
 * @throws Error with everything it printed when it fails: the story ends there.
 */
export function show(file: string, args: readonly string[], { shown, lines }: Command = {}): string {
  process.stdout.write(`  ${paint('cyan', `$ ${shown ?? [file.split('/').at(-1), ...args].join(' ')}`)}\n`);
  const run = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (run.status !== 0) {
    throw new Error(
      `${file} ${args.join(' ')} ended with ${run.status ?? run.signal}: ${run.stderr}${run.stdout}`,
    );
  }
  const all = run.stdout.replace(/^\n+|\n+$/g, '').split('\n');
  const some = lines === undefined ? all : all.slice(0, lines);
  for (const line of some) process.stdout.write(`  ${line}\n`);
  if (some.length > 0 && some.length < all.length)
    tell(paint('dim', `… ${all.length - some.length} more lines`));
  return run.stdout;
}

/** What a program prints, unseen. */
export function ask(file: string, args: readonly string[]): string {
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/**
 * Asks until there is an answer, every 20 ms.
 * @throws Error naming `what` after `seconds`.
 */
export async function until<T>(what: string, seconds: number, answer: () => T | undefined): Promise<T> {
  const end = performance.now() + seconds * 1000;
  let reason = '';
  for (;;) {
    try {
      const found = answer();
      if (found !== undefined) return found;
    } catch (error) {
      reason = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > end) throw new Error(`${what} did not happen within ${seconds} seconds${reason}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}
