import { readFileSync } from 'node:fs';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import type { Log } from '../pods/node-pods.ts';
import { criHelpText, parseCriFlags } from './cri-flags.ts';
import { helpText, parseFlags } from './flags.ts';
import { type ConfigurationFile, parseKubeletConfiguration } from './kubelet-configuration.ts';
import { jsonLog } from './log.ts';
import { settingsOf } from './settings.ts';
import { productVersion } from './version.ts';

/** Says in one line what is wrong, and ends: 2 where the command line or the configuration is, 1 otherwise. */
function fail(error: unknown): never {
  const lines = [`stasisd: ${messageOf(error).split('\n')[0]}`];
  if (isCoded(error) && error.hint) lines.push(`  ${error.hint}`);
  process.stderr.write(`${lines.join('\n')}\n`);
  process.exit(isCoded(error, 'invalid-argument') ? 2 : 1);
}

function readConfiguration(file: string | undefined): ConfigurationFile {
  if (file === undefined) return { ignored: [] };
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CodedError('invalid-argument', `reading the configuration: ${messageOf(error)}`);
  }
  return parseKubeletConfiguration(text, file);
}

/** Runs until a signal ends it; the second one does so at once. */
async function runUntilSignal(
  starting: Promise<{ started?: Promise<void>; close(): Promise<void> }>,
  log: Log,
): Promise<void> {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    log('info', `${signal}: stopping`);
    starting.then((daemon) => daemon.close()).then(() => process.exit(0), fail);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  await (await starting).started;
}

async function runDaemon(args: readonly string[]): Promise<void> {
  const { flags, help, version } = parseFlags(args);
  if (help) process.stdout.write(helpText());
  else if (version) process.stdout.write(`stasisd ${productVersion()}\n`);
  else {
    const file = readConfiguration(flags.config);
    const settings = settingsOf(flags, file);
    const ignored = file.ignored.join(', ');
    if (ignored !== '') log('info', `settings of the kubelet without meaning here: ${ignored}`);
    const { startDaemon } = await import('./wiring.ts');
    await runUntilSignal(startDaemon(settings, productVersion(), log), log);
  }
}

async function runCri(args: readonly string[]): Promise<void> {
  const settings = parseCriFlags(args);
  if (settings === undefined) {
    process.stdout.write(criHelpText());
    return;
  }
  const { serveCri } = await import('./cri-server.ts');
  await runUntilSignal(serveCri(settings, productVersion(), log), log);
}

const log = jsonLog((line) => process.stderr.write(line));
const [command, ...rest] = process.argv.slice(2);
try {
  await (command === 'cri' ? runCri(rest) : runDaemon(process.argv.slice(2)));
} catch (error) {
  fail(error);
}
