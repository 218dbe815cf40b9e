/** Something that happened to a pod. */
export interface PodEvent {
  /** RFC 3339. */
  time: string;
  level: 'info' | 'warn';
  message: string;
  /** How many times in a row. */
  count: number;
}

/** Of each pod. */
const mostKept = 30;

/** The last things that happened to each pod, in memory: for whoever asks what is wrong with it. */
export class PodEvents {
  readonly #kept = new Map<string, PodEvent[]>();

  add(uid: string, level: PodEvent['level'], message: string): void {
    const list = this.#kept.get(uid) ?? [];
    const time = new Date().toISOString();
    const last = list.at(-1);
    if (last?.message === message) list[list.length - 1] = { time, level, message, count: last.count + 1 };
    else list.push({ time, level, message, count: 1 });
    this.#kept.set(uid, list.slice(-mostKept));
  }

  /** Oldest first. */
  of(uid: string): readonly PodEvent[] {
    return this.#kept.get(uid) ?? [];
  }

  forget(uid: string): void {
    this.#kept.delete(uid);
  }
}
