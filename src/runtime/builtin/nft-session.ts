import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { CodedError } from '../../errors/coded-error.ts';

/** What nft answers to this is the same whatever it has done before. */
const question = 'describe tcp dport';
const answer = 'datatype';
/** Milliseconds for one command. */
const patience = 5_000;

/**
 * An nft that waits for commands: while containers stand still, no program has to be started for one.
 */
export class NftSession {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #said = '';
  #complaint = '';
  #waiting: (() => void) | undefined;
  #ended = false;

  /** @param network File of the network namespace. */
  constructor(network: string) {
    this.#child = spawn('nsenter', [`--net=${network}`, 'nft', '-i'], { stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdin, stdout, stderr } = this.#child;
    stdin.on('error', () => {});
    stdout.setEncoding('latin1').on('data', (text: string) => {
      this.#said += text;
      this.#waiting?.();
    });
    stderr.setEncoding('latin1').on('data', (text: string) => {
      this.#complaint += text;
    });
    for (const event of ['error', 'close']) {
      this.#child.once(event, () => {
        this.#ended = true;
        this.#waiting?.();
      });
    }
  }

  /** @param command One line; an empty one asks whether it answers at all. @throws CodedError `internal` with what nft says against it. */
  async run(command: string): Promise<void> {
    this.#said = '';
    this.#complaint = '';
    this.#child.stdin.write(`${command}\n${question}\n`);
    const inTime = await this.#answered();
    if (inTime && !this.#ended && this.#complaint === '') return;
    throw new CodedError('internal', `nft: ${this.#complaint.trim() || 'it does not answer'}`);
  }

  #answered(): Promise<boolean> {
    return new Promise((done) => {
      const finish = (inTime: boolean): void => {
        clearTimeout(timer);
        this.#waiting = undefined;
        done(inTime);
      };
      const timer = setTimeout(() => finish(false), patience);
      this.#waiting = () => {
        if (this.#ended || this.#said.includes(answer)) finish(true);
      };
      this.#waiting();
    });
  }

  close(): void {
    this.#child.stdin.end();
    this.#child.kill('SIGKILL');
  }
}
