import type {
  ConvertRequest,
  DiffRequest,
  EditRequest,
  MadeArchive,
  MemberPlace,
  MembersRequest,
  MemoryRequest,
} from '../api/archive-shapes.ts';
import type { CheckpointSummary } from '../api/stasis.ts';
import type { RepairRequest, ResetRequest, StateConvertRequest } from '../api/state-shapes.ts';

/** What is asked of archives and state files. It is done apart: they may come from anyone. */

export type Where = Pick<CheckpointSummary, 'path' | 'kind'>;

/** What is answered with the text of the command line's JSON. */
export type PrintTask =
  | { kind: 'verify'; archive: Where; againstNode: boolean }
  | { kind: 'members'; archive: Where; place: MemberPlace; deleted: boolean }
  | { kind: 'diff'; archive: Where; other: Where; request: DiffRequest }
  | { kind: 'memory'; archive: Where; container: string | undefined };

/** What is answered with bytes. */
export type ReadTask =
  | { kind: 'member'; archive: Where; place: MemberPlace; name: string }
  | { kind: 'extractMembers'; archive: Where; request: MembersRequest }
  | { kind: 'memoryContent'; archive: Where; request: MemoryRequest }
  | { kind: 'core'; archive: Where; container: string | undefined; pid: number }
  | { kind: 'image'; archive: Where; name: string }
  | { kind: 'extract'; directory: string; compression: 'none' | 'gzip' | 'zstd' };

/** What writes a new archive at `output`, which is in a private folder that nobody else knows. */
export type MakeTask =
  | { kind: 'convert'; archive: Where; output: string; request: ConvertRequest }
  | { kind: 'edit'; archive: Where; output: string; request: EditRequest };

/** Unpacks what `extract` made, at `input`, into `folder`; gives back the list in it. */
export interface UnpackTask {
  kind: 'unpack';
  input: string;
  folder: string;
}

/** What there is to say of what was made. */
export type MakeResult = Pick<MadeArchive, 'notes'>;

/** What plans changes of the node's state files, and makes them where the request says so. */
export type ChangeRequest =
  | { kind: 'repairState'; request: RepairRequest }
  | { kind: 'convertState'; request: StateConvertRequest }
  | { kind: 'resetState'; request: ResetRequest };

/** Where the files are, and whom to ask for containers and pods. */
export type StateTask = ChangeRequest & {
  place: { rootDirectory: string; runtimeEndpoint?: string | undefined };
};
