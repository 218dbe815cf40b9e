import type { ChangeRequest } from '../pods/look-tasks.ts';
import { flag, listOf, matching, object, oneOf } from '../pods/schema.ts';
import { type ApiRequest, json } from './api-request.ts';
import type { ApiOptions, Handlers } from './stasis-routes.ts';

type Names = 'repairState' | 'convertState' | 'resetState';

const names = listOf(matching(/^[^\0]+$/, 4096, 'the name of a state file'));
const choice = {
  files: names,
  containers: listOf(matching(/^[^=/\s]+=[^/\s]+\/[^/\s]+$/, 1000, 'ID=POD-UID/NAME')),
  apply: flag,
  force: flag,
};
const repairRequest = object({
  ...choice,
  only: listOf(oneOf('restore', 'checksum', 'gone-pods', 'cpus')),
});
const convertRequest = object({ ...choice, to: matching(/^v?[0-9.]+$/, 20, 'a version like 1.31') }, ['to']);
const resetRequest = object({ ...choice, afterReboot: flag });

/** Changes of the kubelet's state files; what was written stands in the audit line. */
export function stateHandlers({ node }: ApiOptions): Handlers<Names> {
  const change = async (wanted: ChangeRequest, { facts, signal }: ApiRequest): Promise<Response> => {
    const changes = await node.look.changeState(wanted, signal);
    const written = changes.items.filter(({ setAside }) => setAside !== undefined);
    if (written.length > 0) facts.changed = written.map(({ path }) => path);
    return json(changes);
  };
  return {
    repairState: async (request) =>
      change({ kind: 'repairState', request: await request.body(repairRequest, {}) }, request),
    convertState: async (request) =>
      change({ kind: 'convertState', request: await request.body(convertRequest) }, request),
    resetState: async (request) =>
      change({ kind: 'resetState', request: await request.body(resetRequest, {}) }, request),
  };
}
