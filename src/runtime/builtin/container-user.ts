import { textOf } from '../../bytes/text.ts';
import { CodedError } from '../../errors/coded-error.ts';
import { openFileSource } from '../../localfs/file-source.ts';
import { rootedPath } from '../../localfs/rooted-path.ts';

/** Who the first process of a container is. */
export interface ContainerUser {
  uid: number;
  gid: number;
  /** Supplementary groups. */
  groups: number[];
  /** From /etc/passwd; `/` where the user has no line there. */
  home: string;
}

export interface WantedUser {
  /** `uid`, `name`, `uid:gid`, `name:group`, …; empty for root. */
  user: string;
  /** Wins over the group in `user`. */
  gid?: number | undefined;
  groups: readonly number[];
  /** Also the groups that /etc/group names the user in. */
  mergeGroups: boolean;
}

/** Bytes of /etc/passwd or /etc/group that are read; an image brings these files. */
const mostBytes = 4 << 20;
const highestId = 0xffff_fffe;

interface PasswdLine {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupLine {
  name: string;
  gid: number;
  members: string[];
}

/**
 * Looks the user up in the image's own /etc/passwd and /etc/group.
 * @throws CodedError `invalid-argument` when a name is not there or a number is out of range.
 */
export async function resolveUser(rootfs: string, wanted: WantedUser): Promise<ContainerUser> {
  const [userPart = '', groupPart = ''] = wanted.user.split(':', 2);
  const passwd = parsePasswd(await readInside(rootfs, '/etc/passwd'));
  const line = passwd.find((each) =>
    isNumber(userPart) ? each.uid === Number(userPart) : each.name === (userPart || 'root'),
  );
  const uid = line?.uid ?? idOf('user', userPart || '0');
  const needGroups = groupPart !== '' || wanted.mergeGroups;
  const groups = needGroups ? parseGroup(await readInside(rootfs, '/etc/group')) : [];
  const gid = wanted.gid ?? (groupPart === '' ? (line?.gid ?? 0) : gidOf(groups, groupPart));
  const memberOf =
    wanted.mergeGroups && line ? groups.filter(({ members }) => members.includes(line.name)) : [];
  const all = new Set([...wanted.groups, ...memberOf.map((group) => group.gid)]);
  return { uid, gid, groups: [...all], home: line?.home || '/' };
}

function gidOf(groups: readonly GroupLine[], text: string): number {
  const line = groups.find((each) => (isNumber(text) ? each.gid === Number(text) : each.name === text));
  return line?.gid ?? idOf('group', text);
}

function idOf(what: 'user' | 'group', text: string): number {
  const id = Number(text);
  if (isNumber(text) && id <= highestId) return id;
  const file = what === 'user' ? '/etc/passwd' : '/etc/group';
  throw new CodedError(
    'invalid-argument',
    isNumber(text)
      ? `the ${what} ${text} is out of range`
      : `the image's ${file} has no ${what} ${JSON.stringify(text)}`,
  );
}

function isNumber(text: string): boolean {
  return /^[0-9]+$/.test(text);
}

async function readInside(rootfs: string, path: string): Promise<string> {
  const file = await openFileSource(await rootedPath(rootfs, path)).catch((error: unknown) => {
    // An image need not have these files.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return '';
  try {
    if (file.size > mostBytes) {
      throw new CodedError('resource-exhausted', `the image's ${path} has ${file.size} bytes`);
    }
    return textOf(await file.read(0, file.size));
  } finally {
    await file.close();
  }
}

function parsePasswd(text: string): PasswdLine[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid, , home] = line.split(':');
    if (!name || uid === undefined || gid === undefined || !isNumber(uid) || !isNumber(gid)) return [];
    return [{ name, uid: Number(uid), gid: Number(gid), home: home ?? '' }];
  });
}

function parseGroup(text: string): GroupLine[] {
  return text.split('\n').flatMap((line) => {
    const [name, , gid, members = ''] = line.split(':');
    if (!name || gid === undefined || !isNumber(gid)) return [];
    return [{ name, gid: Number(gid), members: members.trim().split(',').filter(Boolean) }];
  });
}
