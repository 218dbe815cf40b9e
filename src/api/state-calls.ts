import { ArchiveCalls } from './archive-calls.ts';
import type { List } from './stasis.ts';
import type {
  RepairRequest,
  ResetRequest,
  StateChanges,
  StateConvertRequest,
  StateDifference,
  StateForecast,
} from './state-shapes.ts';

/** What is planned for the kubelet's state files and done to them. Nothing is written unless `apply` is true. */
export class StateCalls extends ArchiveCalls {
  /** What changed in a file since its last good generation. */
  stateDifferences(file: string, signal: AbortSignal): Promise<List<StateDifference>> {
    return this.json('stateDifferences', { query: { file } }, signal);
  }

  /** What the kubelet of Kubernetes `to` will do with each file, where that of `from` runs now. */
  statePreflight(from: string, to: string, signal: AbortSignal): Promise<List<StateForecast>> {
    return this.json('statePreflight', { query: { from, to } }, signal);
  }

  repairState(request: RepairRequest, signal: AbortSignal): Promise<StateChanges> {
    return this.json('repairState', { body: request }, signal);
  }

  convertState(request: StateConvertRequest, signal: AbortSignal): Promise<StateChanges> {
    return this.json('convertState', { body: request }, signal);
  }

  resetState(request: ResetRequest, signal: AbortSignal): Promise<StateChanges> {
    return this.json('resetState', { body: request }, signal);
  }
}
