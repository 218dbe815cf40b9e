import { nameProblem, plainName } from '../archive/member-name.ts';
import { checkpointedPodsFile } from '../kubeletstate/checkpointed-pods.ts';
import type { RawMember } from './checkpoint.ts';
import { archiveKind, memberFolders, memberNames } from './layout.ts';

/** Something wrong with, or remarkable about, the members of an archive. */
export interface MemberProblem {
  /** `error`: nothing that an engine writes, and dangerous to who unpacks it. `warning`: odd, but harmless. */
  severity: 'error' | 'warning';
  /** A stable word for programs. */
  kind:
    | 'name'
    | 'link'
    | 'device'
    | 'duplicate'
    | 'conflict'
    | 'missing'
    | 'permissions'
    | 'lookalike'
    | 'unresolved';
  /** As it stands in the archive; not yet escaped for a terminal. */
  name: string;
  /** For people: what was found and why it matters. */
  detail: string;
}

/**
 * Looks at the names, kinds and links of all members, without reading content.
 * @param raw everything in the archive, in its order.
 */
export function validateMembers(raw: readonly RawMember[]): MemberProblem[] {
  const problems: MemberProblem[] = [];
  const seen = new Map<string, RawMember>();
  const folders = new Set<string>();
  for (const member of raw) {
    const add = (severity: MemberProblem['severity'], kind: MemberProblem['kind'], detail: string) =>
      problems.push({ severity, kind, name: member.name, detail });
    const name = plainName(member.name);
    const bad = name === '' ? undefined : nameProblem(member.name);
    if (bad) add('error', 'name', `it has ${bad}`);
    checkKind(member, seen, add);
    checkRepeated(name, member, seen, add);
    if (member.type === 'file' && isLookalike(name)) {
      add('warning', 'lookalike', 'its name contains that of a known member and is not one');
    }
    if ((member.mode & 0o6000) !== 0 && member.type === 'file') {
      add('warning', 'permissions', 'it is marked set-user-ID or set-group-ID');
    }
    seen.set(name, member);
    for (const folder of parentsOf(name)) folders.add(folder);
  }
  for (const folder of folders) {
    const member = seen.get(folder);
    if (!member || member.type === 'directory') continue;
    const detail = `it is a ${member.type}, and other members stand below it`;
    problems.push({ severity: 'error', kind: 'conflict', name: member.name, detail });
  }
  return [...problems, ...missing(seen)];
}

type Add = (severity: MemberProblem['severity'], kind: MemberProblem['kind'], detail: string) => void;

function checkKind(member: RawMember, seen: ReadonlyMap<string, RawMember>, add: Add): void {
  const { type, linkName } = member;
  if (type === 'file' || type === 'directory') return;
  if (type === 'symlink') {
    // CRIU links to the images of the dump before this one.
    const parent = member.name.endsWith('/parent') && /^\.\.\/[^/]+\/?$/.test(linkName);
    if (parent) return;
    if (leavesArchive(member.name, linkName)) {
      add('error', 'link', `it points out of the archive, to ${JSON.stringify(linkName)}`);
    } else add('warning', 'link', `it is a link to ${JSON.stringify(linkName)}; links have no content here`);
    return;
  }
  if (type === 'hardlink') {
    const target = seen.get(plainName(linkName));
    if (nameProblem(linkName)) {
      add('error', 'link', `it is linked to ${JSON.stringify(linkName)}, outside of the archive`);
    } else if (target?.type !== 'file' && target?.type !== 'hardlink') {
      add('error', 'unresolved', `it is linked to ${JSON.stringify(linkName)}, which is no file before it`);
    }
    return;
  }
  if (type === 'other') add('warning', 'device', 'it is of a kind that has no meaning here');
  else add('error', 'device', `it is a ${type}`);
}

/** Whether following the link could leave the folder into which the archive is unpacked. */
function leavesArchive(name: string, target: string): boolean {
  if (target.startsWith('/')) return true;
  let depth = plainName(name).split('/').length - 1;
  for (const part of target.split('/')) {
    if (part === '..') depth--;
    else if (part !== '' && part !== '.') depth++;
    if (depth < 0) return true;
  }
  return false;
}

function checkRepeated(
  name: string,
  member: RawMember,
  seen: ReadonlyMap<string, RawMember>,
  add: Add,
): void {
  const before = seen.get(name);
  if (!before || name === '') return;
  if (before.type === 'directory' && member.type === 'directory') return;
  add('error', 'duplicate', 'it is in the archive more than once; programs disagree on which one counts');
}

/** Names that a reader which looks for parts of names, as checkpointctl does, takes for a known member. */
function isLookalike(name: string): boolean {
  const known = [memberNames.configDump, memberNames.specDump, memberNames.networkStatus];
  return known.some((one) => name !== one && name.includes(one));
}

function parentsOf(name: string): string[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('/'));
}

/** What every archive of its kind has. */
function missing(seen: ReadonlyMap<string, RawMember>): MemberProblem[] {
  const kind = archiveKind((name) => seen.has(name));
  const lacks = (name: string, detail: string): MemberProblem => {
    return { severity: 'error', kind: 'missing', name, detail };
  };
  if (kind === 'pod' || seen.has(checkpointedPodsFile)) return [];
  if (!kind)
    return [lacks(memberNames.configDump, 'this is neither a container checkpoint nor a pod archive')];
  const problems: MemberProblem[] = [];
  if (!seen.has(memberNames.specDump)) {
    problems.push(lacks(memberNames.specDump, 'nothing says how the container was run'));
  }
  for (const image of ['inventory.img', 'pstree.img']) {
    const name = memberFolders.images + image;
    if (!seen.has(name)) problems.push(lacks(name, 'CRIU cannot restore without it'));
  }
  return problems;
}
