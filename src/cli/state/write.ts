import type { SetAsideReason } from '../../localfs/set-aside.ts';
import { CommandError, type FlagValues } from '../command.ts';
import type { Console } from '../console.ts';
import { printable } from '../output/escape.ts';

/** Flags of every command that can change files. */
export const writeFlags = {
  'dry-run': { kind: 'bool', usage: 'only print what would be done; this is the default' },
  write: { kind: 'bool', usage: 'do it; the same as --dry-run=false' },
  force: { kind: 'bool', usage: 'write although a kubelet is running' },
} as const;

/** Whether files are to be changed. */
export function mayWrite(flags: FlagValues<typeof writeFlags>, given: ReadonlySet<string>): boolean {
  if (flags.write && given.has('dry-run') && flags['dry-run']) {
    throw new CommandError('--write and --dry-run exclude each other', { status: 2 });
  }
  return flags.write || (given.has('dry-run') && !flags['dry-run']);
}

/** @throws CommandError when a kubelet works with `root` and `force` was not given. */
export async function refuseUnderKubelet(root: string, force: boolean): Promise<void> {
  if (force) return;
  const { kubeletInTheWay } = await import('../../nodestate/kubelet-in-the-way.ts');
  const why = await kubeletInTheWay(root);
  if (why === undefined) return;
  throw new CommandError(
    `${printable(why)}. Stop it first (systemctl stop kubelet), or insist with --force`,
    {
      code: 'failed-precondition',
      status: 1,
    },
  );
}

/** Replaces a file, or removes it without `bytes`; says what the old one is called now. */
export async function replaceFile(
  console: Console,
  path: string,
  bytes: Uint8Array | undefined,
  reason: SetAsideReason,
): Promise<void> {
  const { replaceSettingAside } = await import('../../localfs/set-aside.ts');
  const aside = await replaceSettingAside(path, bytes, reason, console.now());
  console.out.write(`  the old file is ${printable(aside)}\n`);
}
