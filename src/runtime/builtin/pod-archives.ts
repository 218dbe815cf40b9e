import { readFile, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { podMemberNames } from '../../checkpoint/layout.ts';
import { CodedError, messageOf } from '../../errors/coded-error.ts';
import type { ContainerConfig } from '../../gen/cri/v1/api_pb.ts';
import { archivesIn } from './restore-archive.ts';

/**
 * Archive file by container name in the folder of `CheckpointPod`, from `pod.options`, or from the names of the files
 * where there is none.
 * @throws CodedError `invalid-argument`, `not-found`, `corrupt`
 */
export async function podArchives(folder: string): Promise<Map<string, string>> {
  if (!isAbsolute(folder)) {
    throw new CodedError('invalid-argument', `checkpoint_path ${JSON.stringify(folder)} is not absolute`);
  }
  const info = await stat(folder).catch((error: unknown) => {
    throw new CodedError('not-found', `there is no checkpoint at ${folder}: ${messageOf(error)}`, {
      cause: error,
    });
  });
  if (!info.isDirectory()) throw new CodedError('invalid-argument', `${folder} is not a folder`);
  const files = await archivesIn(folder);
  const text = await readFile(join(folder, podMemberNames.podOptions), 'utf8').catch(() => undefined);
  if (text === undefined) return new Map(files.map((file) => [file.slice(0, -'.tar'.length), file]));
  const listed = parseOptions(text, folder);
  for (const [name, file] of listed) {
    if (files.includes(file)) continue;
    throw new CodedError(
      'corrupt',
      `${folder}: the archive ${JSON.stringify(file)} of container ${name} is missing`,
    );
  }
  return listed;
}

function parseOptions(text: string, folder: string): Map<string, string> {
  try {
    const { version, containers } = JSON.parse(text) as { version?: unknown; containers?: unknown };
    if (version !== 1) throw new Error(`its version is ${String(version)}, only 1 is known`);
    const list = Object.entries(containers as Record<string, unknown>);
    return new Map(list.map(([name, file]) => [name, checkedFile(file)]));
  } catch (error) {
    throw new CodedError(
      'corrupt',
      `${folder}: ${podMemberNames.podOptions} cannot be used: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

function checkedFile(file: unknown): string {
  if (typeof file === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.-]*\.tar$/.test(file)) return file;
  throw new Error(`${JSON.stringify(file)} is no name of an archive`);
}

/** The configurations by name; both sets must be the same. @throws CodedError `invalid-argument` */
export function matchedConfigs(
  archives: ReadonlyMap<string, string>,
  configs: readonly ContainerConfig[],
): Map<string, ContainerConfig> {
  const byName = new Map(configs.map((config) => [config.metadata?.name ?? '', config]));
  if (byName.size !== configs.length)
    throw new CodedError('invalid-argument', 'a container is configured twice');
  for (const name of archives.keys()) {
    if (byName.has(name)) continue;
    throw new CodedError(
      'invalid-argument',
      `the checkpoint has a container ${name}, and container_configs has not`,
    );
  }
  for (const name of byName.keys()) {
    if (archives.has(name)) continue;
    throw new CodedError('invalid-argument', `container_configs has ${name}, and the checkpoint has not`);
  }
  return byName;
}

/**
 * The checkpoint alone says what runs. A configuration that says something else was meant for another one.
 * @throws CodedError `failed-precondition` naming what differs.
 */
export function refuseMismatch(
  name: string,
  config: ContainerConfig,
  { args, env }: { args: readonly string[]; env?: readonly string[] | undefined },
): void {
  const differs = (what: string, wanted: string, found: string): CodedError =>
    new CodedError(
      'failed-precondition',
      `container ${name}: its configuration says ${what} ${wanted}, the checkpoint ${found}`,
    );
  const command = [...config.command, ...config.args];
  if (config.command.length > 0 && JSON.stringify(command) !== JSON.stringify(args)) {
    throw differs('command', JSON.stringify(command), JSON.stringify(args));
  }
  for (const { key, value } of config.envs) {
    const found = (env ?? []).find((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);
    // A value that the pod got at its start (an address, a name) may be new; one that is missing is a mismatch.
    if (found === undefined) throw differs('environment', `${key}=${value}`, 'has no such variable');
  }
}
