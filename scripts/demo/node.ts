import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ClientFile, clientFileName } from '../../src/api/client-file.ts';
import { until } from './story.ts';

const project = resolve(import.meta.dirname, '../..');

export interface NodeOptions {
  name: string;
  port: number;
  /** Folder that takes everything the node has. */
  folder: string;
  manifests?: string;
  images: readonly string[];
}

/** A node: its own root directory, its own runtime, its own daemon. */
export class DemoNode {
  readonly rootDir: string;
  readonly port: number;
  readonly log: string;
  readonly #daemon: ChildProcess;

  private constructor(rootDir: string, port: number, log: string, daemon: ChildProcess) {
    this.rootDir = rootDir;
    this.port = port;
    this.log = log;
    this.#daemon = daemon;
  }

  /** Starts the daemon; it is up when this returns. */
  static async start({ name, port, folder, manifests, images }: NodeOptions): Promise<DemoNode> {
    const home = join(folder, name);
    const rootDir = join(home, 'kubelet');
    const log = join(home, 'stasisd.log');
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const output = openSync(log, 'a', 0o600);
    const args = [
      ...[join(project, 'bin/stasisd.cjs'), '--root-dir', rootDir],
      ...['--runtime-root', join(home, 'runtime'), '--runtime-state', `/run/stasis-${name}`],
      ...['--address', '127.0.0.1', '--port', String(port), '--hostname-override', name],
      ...(manifests === undefined ? [] : ['--manifests', manifests]),
      ...images.flatMap((image) => ['--image', `docker-archive:${image}`]),
    ];
    const daemon = spawn(process.execPath, args, { stdio: ['ignore', output, output] });
    closeSync(output);
    const node = new DemoNode(rootDir, port, log, daemon);
    await until(`the start of stasisd on ${name} (its log is ${log})`, 60, () => {
      if (daemon.exitCode !== null) throw new Error(readFileSync(log, 'utf8'));
      return existsSync(join(rootDir, 'stasis', clientFileName)) || undefined;
    });
    return node;
  }

  /** Ends the daemon; pods go on. */
  async stop(): Promise<void> {
    if (this.#daemon.exitCode !== null) return;
    const ended = new Promise((done) => this.#daemon.once('exit', done));
    this.#daemon.kill('SIGTERM');
    await ended;
  }

  /** How root on this node gets in. */
  client(): ClientFile {
    return JSON.parse(readFileSync(join(this.rootDir, 'stasis', clientFileName), 'utf8'));
  }

  /** What a container has printed, without the times and streams that the log puts before each line. */
  printed(pod: string, container: string): string[] {
    const folder = readdirSync(join(this.rootDir, 'pod-logs')).find((name) => name.includes(`_${pod}_`));
    if (folder === undefined) return [];
    const logs = join(this.rootDir, 'pod-logs', folder, container);
    if (!existsSync(logs)) return [];
    const text = readdirSync(logs)
      .sort()
      .map((name) => readFileSync(join(logs, name), 'utf8'))
      .join('');
    return text.split('\n').flatMap((line) => line.split(' ').slice(3).join(' ') || []);
  }
}
