/** What every container runtime does with the streams of commands, containers and ports, over WebSocket. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  channelMessage,
  channels,
  endIn,
  type StreamEnd,
  streamProtocols,
  terminalSizeMessage,
} from '../../src/api/stream-channels.ts';
import { openStreamUrl } from '../../src/stream/upgrade.ts';
import type { WebSocket } from '../../src/stream/web-socket.ts';
import type { CriBench, Pod } from './cri.ts';

type Within = (work: (pod: Pod, bench: CriBench) => Promise<void>) => Promise<void>;

const forever = 'while :; do sleep 1; done';
const signal = () => AbortSignal.timeout(30_000);

/** Everything that comes until the end. */
class Heard {
  stdout = '';
  stderr = '';
  end: StreamEnd | undefined;
  readonly over: Promise<void>;
  #waiting: (() => void)[] = [];

  constructor(socket: WebSocket) {
    this.over = this.#hear(socket);
  }

  async until(what: () => boolean): Promise<void> {
    let over = false;
    void this.over.then(() => {
      over = true;
      for (const wake of this.#waiting.splice(0)) wake();
    });
    while (!what()) {
      assert.ok(!over, `it ended before: ${JSON.stringify([this.stdout, this.stderr, this.end])}`);
      await new Promise<void>((done) => this.#waiting.push(done));
    }
  }

  async #hear(socket: WebSocket): Promise<void> {
    for await (const message of socket.messages()) {
      const text = Buffer.from(message.subarray(1)).toString('latin1');
      if (message[0] === channels.stdout) this.stdout += text;
      if (message[0] === channels.stderr) this.stderr += text;
      if (message[0] === channels.status) this.end = endIn(message.subarray(1));
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }
}

const typed = (text: string) => channelMessage(channels.stdin, Buffer.from(text));

export function streamTests(within: Within): void {
  const exec = async ({ cri: { runtime } }: CriBench, containerId: string, script: string, more = {}) => {
    const cmd = ['/bin/sh', '-c', script];
    const { url } = await runtime.exec({ containerId, cmd, stdout: true, stderr: true, ...more });
    const socket = await openStreamUrl(url, streamProtocols, signal());
    return { socket, heard: new Heard(socket), url };
  };

  test('Exec carries both outputs apart, what is typed, and the exit status; its URL serves once', () =>
    within(async (pod, bench) => {
      const id = await pod.run(forever);
      const script = 'echo err >&2; read x; echo got $x; exit 5';
      const { socket, heard, url } = await exec(bench, id, script, { stdin: true });
      await socket.send(typed('hello\n'));
      await heard.over;
      assert.deepEqual([heard.stdout, heard.stderr, heard.end], ['got hello\n', 'err\n', { exitCode: 5 }]);
      await assert.rejects(openStreamUrl(url, streamProtocols, signal()), /404/);
    }));

  test('Exec carries a megabyte each way unchanged', () =>
    within(async (pod, bench) => {
      const id = await pod.run(forever);
      const { socket, heard } = await exec(bench, id, 'head -c 1000000 | tail -c 999990', { stdin: true });
      for (let i = 0; i < 100; i++) await socket.send(typed(String(i % 10).repeat(10_000)));
      await heard.over;
      assert.equal(heard.stdout.length, 999_990);
      assert.equal(heard.stdout.slice(-1), '9');
      assert.deepEqual(heard.end, { exitCode: 0 });
    }));

  test('Exec with a terminal has its size, merges the outputs, and takes control characters', () =>
    within(async (pod, bench) => {
      const id = await pod.run(forever);
      const script = 'test -t 0 && echo tty; echo err >&2; read x; stty size; sleep 1000';
      const { socket, heard } = await exec(bench, id, script, { stdin: true, tty: true, stderr: false });
      await heard.until(() => heard.stdout.includes('err'));
      await socket.send(terminalSizeMessage({ columns: 99, rows: 33 }));
      await new Promise((done) => setTimeout(done, 500));
      await socket.send(typed('x\n'));
      await heard.until(() => heard.stdout.includes('33 99'));
      assert.match(heard.stdout, /^tty\r\nerr\r\nx\r\n33 99\r\n/);
      await socket.send(typed('\x03'));
      await heard.over;
      assert.deepEqual(heard.end, { exitCode: 130 });
    }));

  test('Exec says what cannot be run', () =>
    within(async (pod, bench) => {
      const containerId = await pod.run(forever);
      const { url } = await bench.cri.runtime.exec({ containerId, cmd: ['no-such'], stdout: true });
      const heard = new Heard(await openStreamUrl(url, streamProtocols, signal()));
      await heard.over;
      const said = heard.end && 'failure' in heard.end ? heard.end.failure : JSON.stringify(heard.end);
      assert.match(said, /no-such|127/);
    }));

  test('Attach carries what a container reads and writes, and leaves it running', () =>
    within(async (pod, { cri: { runtime } }) => {
      const containerId = await pod.run('while read x; do echo got $x; echo err >&2; done', { stdin: true });
      const attach = async () => {
        const { url } = await runtime.attach({ containerId, stdin: true, stdout: true, stderr: true });
        const socket = await openStreamUrl(url, streamProtocols, signal());
        return { socket, heard: new Heard(socket) };
      };
      for (const word of ['one', 'two']) {
        const { socket, heard } = await attach();
        await socket.send(typed(`${word}\n`));
        await heard.until(() => heard.stdout === `got ${word}\n` && heard.stderr === 'err\n');
        await socket.close();
        await heard.over;
      }
    }));
}
