import { dirname } from 'node:path';
import { printGoJson } from '../bytes/go-json.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { readDump } from '../checkpoint/dump-json.ts';
import { readIdentity } from '../checkpoint/identity.ts';
import { archiveKind, memberFolders, memberNames, podMemberNames } from '../checkpoint/layout.ts';
import { validateMembers } from '../checkpoint/validate.ts';
import { validateSpec } from '../checkpoint/validate-spec.ts';
import { verifyDigests } from '../checkpoint/verify-digests.ts';
import { kindOfFile } from '../criu/magic.ts';
import { isCoded } from '../errors/coded-error.ts';
import { imagesOf } from '../inspect/images.ts';
import { Problems } from '../inspect/problems.ts';
import { listProcesses } from '../inspect/process-tree.ts';
import { type Need, restoreNeeds } from '../inspect/restore-needs.ts';
import { sha256 } from '../localfs/sha256.ts';
import type { NodeNeed } from '../runtime/cri/node-needs.ts';
import type { Console } from './console.ts';
import { openCheckpoint } from './open.ts';
import { printable } from './output/escape.ts';
import { byteText } from './output/quantities.ts';
import { dataValue } from './plain-data.ts';
import { isOfPods, podArchive, podProblems } from './pod-archives.ts';
import { Progress } from './progress.ts';
import { errorText } from './report-error.ts';

/** One finding about a checkpoint. */
interface Finding {
  severity: 'error' | 'warning';
  /** Which check found it. */
  check: 'members' | 'specification' | 'identity' | 'digests' | 'images' | 'archive' | 'pod';
  /** What it is about. */
  about: string;
  detail: string;
}

interface Verdict {
  path: string;
  members: number;
  /** Bytes of content that were read. */
  bytes: number;
  /** Whether digests from capture were there to compare with. */
  digests: boolean;
  findings: Finding[];
  /** What a restore would need, and whether this node has it where that was asked. */
  needs: readonly (Need & Partial<NodeNeed>)[];
}

export interface VerifyFlags {
  format: 'text' | 'json';
  needs: boolean;
  'against-node': boolean;
  'container-runtime-endpoint': string;
}

/** Checks each checkpoint and prints what was found. @returns 1 when there was an error, or this node lacks something. */
export async function verifyCheckpoints(
  paths: readonly string[],
  flags: VerifyFlags,
  console: Console,
): Promise<number> {
  const { format, needs, 'against-node': againstNode } = flags;
  const verdicts: Verdict[] = [];
  for (const path of await withPods(paths, console)) {
    const verdict = await verdictOf(path, console);
    if (againstNode) verdict.needs = await compare(verdict.needs, flags, console);
    verdicts.push(verdict);
    const text = needs || againstNode ? needsText(verdict) : '';
    if (format === 'text') console.out.write(verdictText(verdict) + text);
  }
  if (format === 'json') {
    const nodes = verdicts.map((verdict) => ({
      ...verdict,
      ok: errorsIn(verdict) === 0,
      findings: verdict.findings.map((finding) => ({ ...finding })),
      needs: dataValue(verdict.needs),
    }));
    console.out.write(`${printGoJson(nodes, '  ')}\n`);
  }
  return verdicts.some((verdict) => errorsIn(verdict) > 0 || lacking(verdict) > 0) ? 1 : 0;
}

/** The archive of a pod, or of several, is checked as one, and then each container in it. */
async function withPods(paths: readonly string[], console: Console): Promise<string[]> {
  const all: string[] = [];
  for (const path of paths) {
    const containers = (await podArchive(path, console))?.containers ?? [];
    const pods = containers.map((each) => dirname(each)).filter((each) => each !== path);
    all.push(path, ...new Set(pods), ...containers);
  }
  return all;
}

async function compare(needs: readonly Need[], flags: VerifyFlags, { signal }: Console): Promise<NodeNeed[]> {
  const { compareWithNode } = await import('../runtime/cri/node-needs.ts');
  return compareWithNode(needs, { signal, endpoint: flags['container-runtime-endpoint'] });
}

async function verdictOf(path: string, console: Console): Promise<Verdict> {
  const verdict: Verdict = { path, members: 0, bytes: 0, digests: false, findings: [], needs: [] };
  const progress = new Progress(console.err, 'verifying');
  try {
    const checkpoint = await openCheckpoint(path, { limits: console.limits, signal: console.signal });
    try {
      await judge(checkpoint, verdict, progress, console.signal);
    } finally {
      await checkpoint.close();
    }
  } catch (error) {
    if (isCoded(error, 'cancelled')) throw error;
    verdict.findings.push({ severity: 'error', check: 'archive', about: path, detail: errorText(error) });
  } finally {
    progress.done();
  }
  return verdict;
}

async function judge(
  checkpoint: Checkpoint,
  verdict: Verdict,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const { raw, files } = await checkpoint.members(signal);
  verdict.members = files.length;
  for (const { severity, name, detail } of validateMembers(raw)) {
    verdict.findings.push({ severity, check: 'members', about: name, detail });
  }
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const { manifest, problems, bytes } = await verifyDigests(checkpoint, sha256, {
    signal,
    onProgress: (done) => progress.bytes(done, total),
  });
  verdict.bytes = bytes;
  verdict.digests = manifest !== undefined;
  for (const { name, detail } of problems) {
    verdict.findings.push({ severity: 'error', check: 'digests', about: name, detail });
  }
  if (isOfPods(files.map(({ name }) => name))) {
    for (const detail of await podProblems(checkpoint, signal)) {
      verdict.findings.push({ severity: 'error', check: 'pod', about: podMemberNames.podOptions, detail });
    }
    return;
  }
  const found = new Problems();
  await found.attempt('config.dump and spec.dump', () => readIdentity(checkpoint, signal));
  await found.attempt('spec.dump', async () => {
    for (const problem of validateSpec(await readDump(checkpoint, memberNames.specDump, signal))) {
      verdict.findings.push({ ...problem, check: 'specification' });
    }
  });
  const identity = found.list.splice(0);
  await readImages(
    checkpoint,
    files.map(({ name }) => name),
    found,
  );
  if (archiveKind((name) => files.some((file) => file.name === name)) === 'container') {
    // What cannot be read has been found by the checks above.
    verdict.needs = await restoreNeeds(checkpoint, await imagesOf(checkpoint), new Problems());
  }
  for (const { about, message } of identity) {
    verdict.findings.push({ severity: 'error', check: 'identity', about, detail: message });
  }
  for (const { about, message } of found.list) {
    verdict.findings.push({ severity: 'error', check: 'images', about, detail: message });
  }
}

/** Decodes every image and looks whether the processes hang together. */
async function readImages(
  checkpoint: Checkpoint,
  names: readonly string[],
  problems: Problems,
): Promise<void> {
  const images = await imagesOf(checkpoint);
  for (const name of names) {
    const file = name.startsWith(memberFolders.images) ? name.slice(memberFolders.images.length) : '';
    if (file !== '' && kindOfFile(file)) await problems.attempt(file, () => images.image(file));
  }
  if (names.includes(`${memberFolders.images}pstree.img`)) {
    await problems.attempt('pstree.img', () => listProcesses(images, problems));
  }
}

function verdictText({ path, members, bytes, digests, findings }: Verdict): string {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const compared = digests ? 'digests compared' : 'no digests were recorded at capture';
  const lines = findings.map(
    ({ severity, about, detail }) => `  ${severity}: ${printable(about)}: ${printable(detail)}\n`,
  );
  const word = errors > 0 ? 'BAD' : 'ok';
  return `${printable(path)}: ${word} (${members} members, ${byteText(bytes)}, ${compared})\n${lines.join('')}`;
}

const marks = { yes: 'here   ', no: 'MISSING', unknown: '?      ' } as const;

function lacking({ needs }: Verdict): number {
  return needs.filter(({ node }) => node?.met === 'no').length;
}

function needsText({ needs }: Verdict): string {
  const lines = needs.map(({ kind, what, reason, node }) => {
    const need = `${kind}: ${printable(what)}`;
    if (!node) return `    ${need} (${printable(reason)})\n`;
    return `    ${marks[node.met]} ${need}\n            ${printable(reason)}\n            => ${printable(node.found)}\n`;
  });
  if (lines.length === 0) return '';
  const compared = needs.some(({ node }) => node !== undefined);
  const missing = needs.filter(({ node }) => node?.met === 'no').length;
  return `  a restore needs${compared ? ` (missing on this node: ${missing})` : ''}\n${lines.join('')}`;
}

function errorsIn({ findings }: Verdict): number {
  return findings.filter(({ severity }) => severity === 'error').length;
}
