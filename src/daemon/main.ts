import { readFileSync } from 'node:fs';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import { helpText, parseFlags } from './flags.ts';
import { type ConfigurationFile, parseKubeletConfiguration } from './kubelet-configuration.ts';
import { jsonLog } from './log.ts';
import { type Settings, settingsOf } from './settings.ts';
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

async function run(settings: Settings, ignored: readonly string[]): Promise<void> {
  const log = jsonLog((line) => process.stderr.write(line));
  if (ignored.length > 0) log('info', `settings of the kubelet without meaning here: ${ignored.join(', ')}`);
  const { startDaemon } = await import('./wiring.ts');
  const starting = startDaemon(settings, productVersion(), log);
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    log('info', `${signal}: stopping`);
    starting.then((daemon) => daemon.close()).then(() => process.exit(0), fail);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  await starting;
}

try {
  const { flags, help, version } = parseFlags(process.argv.slice(2));
  if (help) process.stdout.write(helpText());
  else if (version) process.stdout.write(`stasisd ${productVersion()}\n`);
  else {
    const file = readConfiguration(flags.config);
    await run(settingsOf(flags, file), file.ignored);
  }
} catch (error) {
  fail(error);
}
