import { closeSync, constants, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ReadStream } from 'node:tty';
import type { TerminalSize } from '../../api/stream-channels.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { unlockTerminal } from './perl-programs.ts';
import { runProgram } from './run-program.ts';

/** A terminal of which we hold the end that a person would sit at. */
export interface Terminal {
  /** What is typed goes in, what is shown comes out. */
  stream: ReadStream;
  /** Path of the end for programs. */
  path: string;
}

/**
 * A new terminal that hands everything on as it comes.
 * @throws CodedError `failed-precondition` where this machine gives none
 */
export async function openTerminal(): Promise<Terminal> {
  const fault = (why: string) => new CodedError('failed-precondition', `making a terminal: ${why}`);
  const fd = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  try {
    const unlocked = await runProgram('perl', ['-e', unlockTerminal], { stdio: { stdin: fd } });
    if (unlocked.status !== 0) throw fault(unlocked.stderr.trim());
    const info = await readFile(`/proc/self/fdinfo/${fd}`, 'latin1');
    const index = /^tty-index:\s*([0-9]+)$/m.exec(info)?.[1];
    if (index === undefined) throw fault('the kernel does not say its number');
    const path = `/dev/pts/${index}`;
    // Before anybody writes: nothing is echoed or changed on the way.
    const raw = await runProgram('stty', ['-F', path, 'raw', '-echo']);
    if (raw.status !== 0) throw fault(raw.stderr.trim());
    return { stream: new ReadStream(fd), path };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Tells the terminal that a process has on its standard input how large it is. */
export async function resizeTerminal(pid: number, { columns, rows }: TerminalSize): Promise<void> {
  const terminal = `/proc/${pid}/fd/0`;
  await runProgram('stty', ['-F', terminal, 'rows', String(rows), 'columns', String(columns)]);
}
