/**
 * A thread that looks into one archive, or at the state files, and ends. Archives may come from anyone and patterns
 * may take for ever: neither stops the daemon, which ends the thread when it has had enough.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { SearchEnd } from '../api/stasis.ts';
import { printGoJson } from '../bytes/go-json.ts';
import { displayNode } from '../cli/inspect-json.ts';
import { hitNode, latin1 } from '../cli/search-checkpoint.ts';
import { keepImages } from '../cli/with-images.ts';
import { CodedError, isCoded, messageOf } from '../errors/coded-error.ts';
import type { PatternSpec } from '../inspect/byte-pattern.ts';
import { imagesOf } from '../inspect/images.ts';
import { searchMemory } from '../inspect/memory-search.ts';
import { readReport } from '../inspect/report.ts';
import { type SectionName, sectionNames } from '../inspect/sections.ts';
import { lateCodec } from '../localfs/late-codec.ts';
import { openContainer } from '../pods/described-containers.ts';
import { changeState } from './change-state.ts';
import { printed, sendBytes } from './look-archive.ts';
import { stateContent, stateDifferences, stateFiles, statePreflight, verifyState } from './look-state.ts';
import { type LookMessage, type LookReply, type LookTask, window } from './look-task.ts';
import { makeArchive, unpack } from './make-archive.ts';

const never = new AbortController().signal;
const port = parentPort;
let outstanding = 0;
let taken = (): void => undefined;
let begun = (): void => undefined;
port?.on('message', (reply: LookReply) => {
  if (reply === 'begin') return begun();
  outstanding--;
  taken();
});

/** Resolves when what follows will not be cut off any more. */
function begin(): Promise<void> {
  return new Promise((resolve) => {
    begun = resolve;
    post({ begin: true });
  });
}

/** Sends a value, and waits while too many lie at the other end. */
async function send(value: unknown): Promise<void> {
  post({ value });
  outstanding++;
  while (outstanding > window) {
    await new Promise<void>((resolve) => {
      taken = resolve;
    });
  }
}

function post(message: LookMessage): void {
  port?.postMessage(message);
}

async function run(task: LookTask): Promise<void> {
  if (task.kind === 'inspect') return inspect(task);
  if (task.kind === 'search') return search(task);
  if (task.kind === 'stateFiles') return send(await stateFiles(task.rootDirectory));
  if (task.kind === 'stateContent') return send(await stateContent(task.rootDirectory, task.file));
  if (task.kind === 'stateDifferences') return send(await stateDifferences(task.rootDirectory, task.file));
  if (task.kind === 'statePreflight') return send(await statePreflight(task));
  if (task.kind === 'changeState') return send(await changeState(task.task, begin));
  if (task.kind === 'print') return send(await printed(task.task, task.runtimeEndpoint));
  // Of a view, all of the memory below it would be copied.
  if (task.kind === 'read') return sendBytes(task.task, (piece) => send(piece.slice()));
  if (task.kind === 'unpack') return send(await unpack(task));
  if (task.kind === 'make') return send(await makeArchive(task.task));
  return send(await verifyState(task.rootDirectory));
}

async function inspect({ archive, request }: LookTask & { kind: 'inspect' }): Promise<void> {
  const sections = sectionsOf(request.sections);
  const args = request.arguments === true;
  const environment = request.environment === true;
  const checkpoint = await openContainer(archive, request.container, never);
  try {
    const report = await readReport(checkpoint, {
      processes: request.processes === true || args || environment,
      args,
      environment,
      statistics: request.statistics === true,
      mounts: request.mounts === true,
      sections,
      codec: lateCodec,
    });
    await send(printGoJson(displayNode(report, { metadata: request.metadata === true, sections })));
  } finally {
    await checkpoint.close();
  }
}

function sectionsOf(text: string | undefined): readonly SectionName[] {
  if (text === undefined || text === '') return [];
  if (text === 'all') return sectionNames;
  return text.split(',').map((name) => {
    const known = sectionNames.find((one) => one === name);
    if (known) return known;
    throw new CodedError('invalid-argument', `unknown section ${JSON.stringify(name)}`, {
      hint: `one of all, ${sectionNames.join(', ')}`,
    });
  });
}

async function search({ archive, container, request }: LookTask & { kind: 'search' }): Promise<void> {
  const { pattern, secrets = false, pids = [], context = 16, limit = 1000 } = request;
  const checkpoint = await openContainer(archive, container, never);
  let hits = 0;
  try {
    await keepImages(checkpoint);
    const found = searchMemory(await imagesOf(checkpoint), {
      patterns: pattern === undefined ? [] : [specOf(pattern, request)],
      ...{ secrets, context, latin1 },
      ...(pids.length > 0 ? { pids } : {}),
    });
    let end: SearchEnd['end'] = 'complete';
    for await (const hit of found) {
      if (hits === limit) {
        end = 'limit';
        break;
      }
      hits++;
      await send(hitNode(hit));
    }
    await send({ end, hits } satisfies SearchEnd);
  } catch (error) {
    // What came before the first hit is an answer of its own.
    if (hits === 0) throw error;
    await send({ end: 'error', hits, error: messageOf(error) } satisfies SearchEnd);
  } finally {
    await checkpoint.close();
  }
}

function specOf(
  pattern: string,
  { as, ignoreCase = false }: { as?: string; ignoreCase?: boolean },
): PatternSpec {
  if (as === 'regex') return { kind: 'regex', source: pattern, ignoreCase };
  if (as === 'hex') return { kind: 'hex', text: pattern };
  return { kind: as === 'utf16' ? 'utf16' : 'literal', text: pattern, ignoreCase };
}

try {
  await run(workerData as LookTask);
  post({ done: true });
} catch (error) {
  const known = isCoded(error) ? error : new CodedError('corrupt', messageOf(error));
  post({ error: { code: known.code, message: known.message, hint: known.hint } });
}
port?.close();
