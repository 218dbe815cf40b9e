/** JSON shapes of what is planned for state files of the kubelet, and done to them. Schemas: `state-schemas.ts`. */

/** What every request that may change state files says. */
export interface StateChoice {
  /** Names in the list of state files; all of them where left out. */
  files?: string[];
  /** `ID=POD-UID/NAME`: whose a container id is, for files of Kubernetes 1.17 and before. */
  containers?: string[];
  /** Do it. Without, only what would be done is told. */
  apply?: boolean;
  /** Write although a kubelet is running. */
  force?: boolean;
}

export interface RepairRequest extends StateChoice {
  only?: ('restore' | 'checksum' | 'gone-pods' | 'cpus')[];
}

export interface StateConvertRequest extends StateChoice {
  /** Kubernetes version, like 1.31. */
  to: string;
}

export interface ResetRequest extends StateChoice {
  /** Also files of the CPU and memory managers from before the last boot. */
  afterReboot?: boolean;
}

/** What is done to one file, or would be. */
export interface StateChange {
  /** In the list of state files. */
  name: string;
  path: string;
  /** In words; none where it stays as it is. */
  steps: string[];
  changes: { path: string; before: string | null; after: string | null }[];
  /** What the new format cannot hold. */
  lost: string[];
  /** What stays wrong, and why. */
  left: string[];
  /** The path of what was there before, once it was written. */
  setAside?: string;
}

export interface StateChanges {
  apiVersion: 'stasis/v1';
  kind: 'StateChanges';
  /** Whether anything was written. */
  applied: boolean;
  /** Why container ids in old files are not known. */
  note?: string;
  /** Files that are changed, or in which something stays wrong. */
  items: StateChange[];
}

/** As `stasis state preflight -o json` prints it. */
export interface StateForecast {
  path: string;
  kind: string;
  version: string | null;
  now: string;
  next: string;
  starts: boolean;
  message: string | null;
  lost: string[];
  action: string;
}

/** One difference between the last good generation of a file and what is there. */
export type StateDifference = StateChange['changes'][number];
