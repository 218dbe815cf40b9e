/** A node for end-to-end tests: a real daemon process with folders of its own, and ways to ask and to hurt it. */
import type { ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { StasisClient } from '../../src/api/client.ts';
import type { ClientFile } from '../../src/api/client-file.ts';
import type { ContainerSummary, PodSummary } from '../../src/api/stasis.ts';
import { httpsSend, httpsStream } from '../../src/kube/https-send.ts';
import { type Ended, project, runFor, startFor, until } from '../runtime.ts';

/** A command line that runs, and what it has printed so far. */
interface Talking {
  readonly child: ChildProcess;
  /** Its exit status. */
  readonly ended: Promise<number | null>;
  stdout: string;
  stderr: string;
}

export class TestNode {
  readonly folder: string;
  readonly #test: TestContext;
  readonly #flags: readonly string[];
  #daemon: ChildProcess | undefined;
  #log = '';

  /** @param folder of another node to share; one of its own where left out, which is gone after the test */
  constructor(t: TestContext, flags: readonly string[] = [], folder?: string) {
    this.#test = t;
    this.folder = folder ?? mkdtempSync(join(tmpdir(), 'stasis-node-'));
    this.#flags = flags;
    mkdirSync(this.manifests, { recursive: true });
    if (folder === undefined) t.after(() => this.#clear());
  }

  /** Of its daemon, while that runs. */
  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  get root(): string {
    return join(this.folder, 'root');
  }

  get manifests(): string {
    return join(this.folder, 'manifests');
  }

  get checkpoints(): string {
    return join(this.root, 'checkpoints');
  }

  /** Everything that its daemons have logged, JSON lines. */
  get log(): string {
    return this.#log;
  }

  async start(flags: readonly string[] = this.#flags): Promise<void> {
    rmSync(join(this.root, 'stasis/client.json'), { force: true });
    const child = startFor(this.#test, process.execPath, [
      join(project, 'src/daemon/main.ts'),
      ...['--root-dir', this.root, '--manifests', this.manifests, '--address', '127.0.0.1', '--port', '0'],
      ...['--runtime-root', join(this.folder, 'runtime'), '--runtime-state', join(this.folder, 'run')],
      ...['--cni-conf-dir', join(this.folder, 'cni')],
      ...flags,
    ]);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
      // What a failed test is understood by.
      if (process.env['STASIS_TEST_LOG']) process.stderr.write(text);
    });
    this.#daemon = child;
    const over = () => child.exitCode !== null || child.signalCode !== null;
    await until('the daemon serves', () => over() || existsSync(join(this.root, 'stasis/client.json')));
    if (over()) throw new Error(`stasisd ended: ${this.#log}`);
  }

  /** Ends the daemon; its pods go on. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#daemon;
    if (!child) return null;
    this.#daemon = undefined;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = new Promise<number | null>((done) => child.once('exit', done));
    child.kill(signal);
    return ended;
  }

  /** Resolves when the daemon has ended by itself. */
  async ended(): Promise<void> {
    const child = this.#daemon;
    await until('the daemon has ended', () => !child || child.exitCode !== null || child.signalCode !== null);
    this.#daemon = undefined;
  }

  /** Ends every pod and removes everything, however the test ended. */
  async #clear(): Promise<void> {
    await this.stop('SIGKILL');
    for (const file of readdirSync(this.manifests)) rmSync(join(this.manifests, file));
    rmSync(join(this.checkpoints, 'checkpointed.pods'), { force: true });
    const endpoint = this.#flags.indexOf('--container-runtime-endpoint');
    await this.start(endpoint < 0 ? [] : this.#flags.slice(endpoint, endpoint + 2));
    await until('all pods are gone', async () => {
      const pods = await this.pods();
      for (const { namespace, name, source } of pods) {
        if (source === 'checkpoint')
          await this.client()
            .deletePod(namespace, name, signal())
            .catch(() => undefined);
      }
      return pods.length === 0;
    });
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  file(): ClientFile {
    return JSON.parse(readFileSync(join(this.root, 'stasis/client.json'), 'utf8'));
  }

  client(): StasisClient {
    const { server, token, certificate } = this.file();
    const target = { server, token, pinned: certificate };
    return new StasisClient(httpsSend(target), httpsStream(target));
  }

  async pods(): Promise<PodSummary[]> {
    return (await this.client().pods(signal())).items;
  }

  async pod(name: string): Promise<PodSummary | undefined> {
    return (await this.pods()).find((pod) => pod.name === name);
  }

  /** The container once it runs, with at least so many restarts. */
  running(pod: string, container: string, restarts = 0): Promise<ContainerSummary> {
    return until(`${pod}/${container} runs`, async () => {
      const found = (await this.pod(pod))?.containers.find(({ name }) => name === container);
      return found?.state === 'running' && found.restarts >= restarts ? found : undefined;
    });
  }

  manifest(name: string, text: string): void {
    writeFileSync(join(this.manifests, `${name}.yaml`), text);
  }

  /** What a container has written to its standard output, all runs, without the log's own columns. */
  output(pod: string, container: string): string[] {
    const logs = join(this.root, 'pod-logs');
    const folder = readdirSync(logs).find((name) => name.split('_')[1] === pod);
    if (!folder) return [];
    const files = readdirSync(join(logs, folder, container)).sort(
      (a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10),
    );
    return files.flatMap((file) =>
      readFileSync(join(logs, folder, container, file), 'utf8')
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [line.split(' ').slice(3).join(' ')])),
    );
  }

  /** The command line, as root of this node. */
  stasis(...args: string[]): Promise<Ended> {
    return runFor(this.#test, process.execPath, this.#command(args));
  }

  /** The same, to be talked to while it runs. */
  startStasis(...args: string[]): Talking {
    const child = startFor(this.#test, process.execPath, this.#command(args), {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const ended = new Promise<number | null>((done) => child.once('exit', done));
    const talking: Talking = { child, ended, stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      talking.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      talking.stderr += text;
    });
    return talking;
  }

  #command(args: readonly string[]): string[] {
    const end = args.includes('--') ? args.indexOf('--') : args.length;
    return [
      join(project, 'bin/stasis.cjs'),
      ...args.slice(0, end),
      '--root-dir',
      this.root,
      ...args.slice(end),
    ];
  }
}

export function signal(): AbortSignal {
  return AbortSignal.timeout(120_000);
}
