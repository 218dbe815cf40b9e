import type { SaEntry, SignalQueueEntry } from '../gen/criu/task.ts';
import { bitNames, signalActionBits, signalName, signalSet } from './linux-names.ts';

/** What a process does about one signal, where that is not the default. */
export interface SignalAction {
  readonly signal: string;
  /** `ignore`, or the address of the handler. */
  readonly handler: 'ignore' | bigint;
  readonly flags: readonly string[];
  /** Held back while the handler runs. */
  readonly mask: readonly string[];
}

/** A signal that was sent and not taken yet. */
export interface PendingSignal {
  readonly signal: string;
  readonly code: number;
  /** Who sent it, for signals sent by a process. */
  readonly senderPid?: number;
  readonly senderUid?: number;
  /** The number sent along with it. */
  readonly value?: number;
}

const signalCount = 64;
/** SIGKILL and SIGSTOP cannot be changed and are left out of the images. */
const unchangeable: readonly number[] = [9, 19];

const changeable = Array.from({ length: signalCount }, (_, at) => at + 1).filter(
  (number) => !unchangeable.includes(number),
);

/** What a process does about signals; none where it shares that with its parent, whose image has it. */
export function signalActions(entries: readonly SaEntry[]): SignalAction[] {
  return entries.flatMap((entry, at) => actionOf(entry, changeable[at] ?? 0));
}

function actionOf(entry: SaEntry, number: number): SignalAction[] {
  if (entry.sigaction === 0n || number === 0) return [];
  return [
    {
      signal: signalName(number),
      handler: entry.sigaction === 1n ? 'ignore' : entry.sigaction,
      flags: bitNames(entry.flags, signalActionBits),
      mask: signalSet(entry.mask),
    },
  ];
}

/** The signals in a queue. */
export function pendingSignals(queue: SignalQueueEntry | undefined): PendingSignal[] {
  return (queue?.signals ?? []).flatMap(({ siginfo }) => pendingSignal(siginfo));
}

/** Codes that say a process sent the signal: by kill, sigqueue, tgkill, and the kernel for one. */
const fromUser: readonly number[] = [0, -1, -6];

function pendingSignal(siginfo: Uint8Array): PendingSignal[] {
  if (siginfo.length < 32) return [];
  const view = new DataView(siginfo.buffer, siginfo.byteOffset, siginfo.length);
  const code = view.getInt32(8, true);
  const sender = fromUser.includes(code)
    ? { senderPid: view.getInt32(16, true), senderUid: view.getUint32(20, true) }
    : {};
  return [
    {
      signal: signalName(view.getInt32(0, true)),
      code,
      ...sender,
      ...(code === -1 && { value: view.getInt32(24, true) }),
    },
  ];
}
