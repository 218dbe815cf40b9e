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
import { freePort, until } from '../runtime.ts';
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

  test('Attach succeeds when the container has ended', () =>
    within(async (pod, { cri: { runtime } }) => {
      const containerId = await pod.run('read x; echo last $x; exit 3', { stdin: true });
      const { url } = await runtime.attach({ containerId, stdin: true, stdout: true, stderr: true });
      const socket = await openStreamUrl(url, streamProtocols, signal());
      const heard = new Heard(socket);
      await socket.send(typed('word\n'));
      await heard.over;
      assert.deepEqual([heard.stdout, heard.end], ['last word\n', { exitCode: 0 }]);
      assert.equal((await pod.ended(containerId)).exitCode, 3);
    }));

  test('PortForward carries a connection to each port, both ways, and says what cannot be reached', async () => {
    const [port = 0, other = 0, closed = 0] = await Promise.all([freePort(), freePort(), freePort()]);
    await within(async (pod, { cri: { runtime } }) => {
      for (const one of [port, other]) {
        await pod.run(`while :; do nc -l -p ${one} -e sh -c 'read x; echo ${one} got $x; cat'; done`);
      }
      const open = async (ports: readonly number[]) => {
        const { url } = await runtime.portForward({ podSandboxId: pod.id, port: [...ports] });
        return openStreamUrl(url, streamProtocols, signal());
      };
      // Whoever finds nobody listening, as between two connections, comes again.
      const ports = await until('both listen', async () => {
        const tried = new HeardPorts(await open([port, other]));
        await Promise.all([tried.send(0, 'one\n'), tried.send(1, 'two\n')]);
        const said = (channel: number) => tried.said.get(channel) ?? '';
        await tried.until(() => (said(0) !== '' && said(2) !== '') || said(1) !== '' || said(3) !== '');
        if (said(1) === '' && said(3) === '') return tried;
        await tried.close();
        return undefined;
      });
      await ports.until(
        () => ports.said.get(0) === `${port} got one\n` && ports.said.get(2) === `${other} got two\n`,
      );
      const much = 'x'.repeat(300_000);
      await ports.send(0, much);
      await ports.until(() => ports.said.get(0)?.length === `${port} got one\n`.length + much.length);
      assert.deepEqual(
        ports.numbers,
        new Map([0, 1, 2, 3].map((channel) => [channel, channel < 2 ? port : other])),
      );
      await ports.close();
      const nobody = new HeardPorts(await open([closed]));
      await nobody.until(() => (nobody.said.get(1) ?? '') !== '');
      assert.match(nobody.said.get(1) ?? '', /refused/i);
      await nobody.over;
    });
  });
}

/** What comes over the channels of ports. */
class HeardPorts {
  /** By channel: the number it begins with, and all that follows. */
  readonly numbers = new Map<number, number>();
  readonly said = new Map<number, string>();
  readonly over: Promise<void>;
  readonly #socket: WebSocket;
  #waiting: (() => void)[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.over = this.#hear();
  }

  /** To the port at this place in the request. */
  async send(place: number, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 32_768) {
      await this.#socket.send(channelMessage(2 * place, bytes.subarray(at, at + 32_768)));
    }
  }

  async until(what: () => boolean): Promise<void> {
    let over = false;
    void this.over.then(() => {
      over = true;
      for (const wake of this.#waiting.splice(0)) wake();
    });
    while (!what()) {
      assert.ok(!over, `it ended before: ${JSON.stringify([...this.said])}`);
      await new Promise<void>((done) => this.#waiting.push(done));
    }
  }

  async close(): Promise<void> {
    await this.#socket.close();
    await this.over;
  }

  async #hear(): Promise<void> {
    for await (const message of this.#socket.messages()) {
      const [channel = 0] = message;
      let content = Buffer.from(message.subarray(1));
      if (channel !== channels.close && !this.numbers.has(channel)) {
        this.numbers.set(channel, content.readUInt16LE(0));
        content = content.subarray(2);
      }
      this.said.set(channel, (this.said.get(channel) ?? '') + content.toString('latin1'));
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }
}
