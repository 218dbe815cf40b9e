import type { Transport } from '@connectrpc/connect';
import type { Target } from '../../conversion/conversion.ts';

/** Words of a failure, and what to change. */
export interface Failure {
  match: RegExp;
  /** Names the option or the package. */
  hint: string;
}

export interface RuntimeVersion {
  major: number;
  minor: number;
}

/** What is particular about one container runtime. */
export interface RuntimeQuirks {
  /** As it calls itself in the answer to `Version`. */
  runtimeName: string;
  /** As its makers write it. */
  title: string;
  /** Why this version will never checkpoint; undefined where it can. */
  refusal(version: RuntimeVersion): { why: string; hint: string } | undefined;
  failures: readonly Failure[];
  /** How a checkpoint fails where the remains of one that was given up just before are still being removed. */
  remains?: RegExp;
  /** How ending something fails where the helper that was asked has just gone; asked again, it is ended. */
  helperGone?: RegExp;
  /**
   * A function that ends a pause which a failed checkpoint has left behind, as far as the runtime itself knows
   * of it. @returns whether there was one
   */
  letRun?(transport: Transport): (containerId: string) => Promise<boolean>;
  /**
   * A function that pauses a container so that the runtime's own checkpoint of it leaves it paused: what whole
   * pods are captured with where the runtime has no `CheckpointPod`.
   */
  pause?(transport: Transport): (containerId: string, signal: AbortSignal) => Promise<void>;
  /** How containers are restored by it, through `CreateContainer` with the path of an archive as image. */
  restores?: {
    target: Target;
    refusal(version: RuntimeVersion): { why: string; hint: string } | undefined;
    failures: readonly Failure[];
  };
  /** Why whole pods cannot be captured, where they cannot. */
  noPods?: string;
}
