import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import type { Command, CommandTable } from './command.ts';

/** Programs whose names start so are commands of this one. */
export const pluginPrefix = 'checkpointctl-';

/** Exit status with which a plugin says that the line it printed is its description. */
const describesItself = 42;
/** Milliseconds that a plugin has for its description. */
const patience = 500;
/** Longest description that is read, in bytes. */
const longestDescription = 4096;

export interface Plugin {
  name: string;
  path: string;
}

/** The plugins in the folders of PATH, by name; of several with one name the first in PATH. */
export async function findPlugins(path: string | undefined): Promise<Plugin[]> {
  const found = new Map<string, Plugin>();
  for (const folder of (path ?? '').split(':').filter(Boolean)) {
    for (const file of (await readdir(folder).catch(() => [])).sort()) {
      const name = file.slice(pluginPrefix.length);
      if (!file.startsWith(pluginPrefix) || name === '' || found.has(name)) continue;
      const program = isAbsolute(folder) ? join(folder, file) : resolve(folder, file);
      if (await isProgram(program)) found.set(name, { name, path: program });
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function isProgram(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) return false;
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The commands with those of plugins added; what is built in is never replaced. */
export async function withPlugins(commands: CommandTable, path: string | undefined): Promise<CommandTable> {
  const plugins = await findPlugins(path);
  const more = plugins.map((plugin) => [plugin.name, async () => pluginCommand(plugin)] as const);
  return { ...Object.fromEntries(more), ...commands };
}

function pluginCommand(plugin: Plugin): Command {
  return {
    name: plugin.name,
    short: `Plugin provided by ${plugin.path}`,
    flags: {},
    args: {},
    compatible: true,
    rawArguments: true,
    run: ({ args }) => runPlugin(plugin, args),
  };
}

/** Runs a plugin in place of this program. @returns its exit status. */
async function runPlugin({ path }: Plugin, args: readonly string[]): Promise<number> {
  const child = spawn(path, args, { stdio: 'inherit' });
  // What the terminal sends reaches the plugin too; it decides.
  const ignore = (): void => {};
  process.on('SIGINT', ignore).on('SIGQUIT', ignore);
  return new Promise((settle, fail) => {
    child.on('error', fail);
    child.on('close', (status, signal) => settle(status ?? 128 + signalNumber(signal)));
  });
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return (
    { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 }[
      signal as 'SIGHUP'
    ] ?? 0
  );
}

/**
 * What a plugin says of itself when it is called with `--plugin-description`; empty where it does not know that
 * flag, fails, or takes too long: then it and all that it started are ended.
 */
export async function describePlugin({ path }: Plugin): Promise<string> {
  const child = spawn(path, ['--plugin-description'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  return new Promise((settle) => {
    let text = '';
    let status: number | null = null;
    const finish = (): void => {
      clearTimeout(timer);
      child.stdout.destroy();
      settle(status === describesItself ? (text.split('\n')[0]?.trim() ?? '') : '');
    };
    const timer = setTimeout(() => {
      endGroup(child.pid);
      finish();
    }, patience);
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      if (text.length < longestDescription) text += piece;
    });
    child.on('error', finish);
    // Something the plugin started may keep its output open: what counts is that the plugin itself ended.
    child.on('exit', (code) => {
      status = code;
      setTimeout(finish, 20);
    });
    child.on('close', finish);
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended in this very moment.
  }
}
