import type { MigrationFacts, Seen } from '../checkpointmanager/define.ts';
import type { Finding } from '../kubeletstate/finding.ts';
import type { NodeFacts } from '../kubeletstate/node-facts.ts';
import type { StateKind } from '../kubeletstate/state-kind.ts';
import type { StateFile, StateFileContent } from '../localfs/state-files.ts';

/** What `verify` says of a file. The JSON output has these members in this order. */
export interface StateReport {
  path: string;
  kind: string;
  version: string | null;
  stored: bigint | null;
  computed: bigint | null;
  valid: boolean;
  /** `1.31` and so on. */
  acceptedBy: string[];
  /** `starts`, `unknown`, or the error that the kubelet prints. */
  kubelet: string;
  findings: Finding[];
}

/** A file with everything that is known about it. */
export interface Examined {
  file: StateFile;
  content: StateFileContent | undefined;
  kind: StateKind | undefined;
  /** The version it is, with its value; the nearest one when it is none. */
  seen: Seen | undefined;
  /** Its content in the latest version, when it is valid. */
  value: unknown;
  /** {@link ExamineOptions.containers} */
  containers?: MigrationFacts | undefined;
  unreadable: boolean;
  report: StateReport;
}

export interface ExamineOptions {
  facts: NodeFacts;
  /** The Kubernetes minor whose kubelet is asked about; the newest that accepts a file when left out. */
  minor?: number;
  gates: ReadonlySet<string>;
  /** The node's own files: also mode and owner are looked at. */
  onNode: boolean;
  /** Who containers are that a file names by id; undefined where nobody was asked. */
  containers?: MigrationFacts;
}
