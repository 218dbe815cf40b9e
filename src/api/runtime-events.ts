/** What a runtime tells of a checkpoint that it makes. */
export interface RuntimeEvent {
  containerId: string;
  /** First `begun`, and last `ended`, when nothing of it is left, however it came out. */
  stage: 'begun' | 'freezing' | 'dumping' | 'archiving' | 'thawed' | 'ended';
  /** Where the images are being written, while dumping. */
  folder?: string;
  written?: number;
  estimated?: number;
  /** With `thawed`: how long nothing ran. */
  frozenMicroseconds?: number;
}

/** Listens to a runtime's checkpoints of one container, until the returned function is called. */
export type WatchRuntime = (containerId: string, listen: (event: RuntimeEvent) => void) => () => void;
