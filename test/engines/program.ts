import { spawn } from 'node:child_process';

/**
 * Runs a program of an engine to its end and returns its trimmed standard output.
 * @throws with both outputs when it fails.
 */
export function must(command: string, args: readonly string[], cwd?: string): Promise<string> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd });
    let out = '';
    let said = '';
    child.stdout.on('data', (part) => {
      out += part;
    });
    child.stderr.on('data', (part) => {
      said += part;
    });
    child.once('error', failed);
    // not "close": a container that was started keeps the pipes open
    child.once('exit', (status) => {
      if (status === 0) setImmediate(() => done(out.trim()));
      else failed(new Error(`${command} ${args.join(' ')}: exit ${status}\n${out}${said}`));
    });
  });
}
