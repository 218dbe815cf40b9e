import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../errors/coded-error.ts';
import { packageOf } from './run-program.ts';

/**
 * The absolute path of a program, for those who do not look along PATH themselves.
 * @throws CodedError `failed-precondition` when it is not installed.
 */
export async function findProgram(name: string): Promise<string> {
  if (name.startsWith('/')) return name;
  for (const folder of (process.env['PATH'] ?? '/usr/bin:/bin').split(':')) {
    const path = join(folder || '.', name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  const from = packageOf(name);
  throw new CodedError('failed-precondition', `the program ${name} is not installed`, {
    data: { program: name, package: from },
    ...(from && { hint: `install the package ${from} (Debian: apt-get install ${from})` }),
  });
}
