import { openApiDocument } from '../api/openapi.ts';
import { isCoded } from '../errors/coded-error.ts';
import type { NodeControl, ReadyCheck } from '../pods/node-control.ts';
import { json } from './api-request.ts';
import { plain } from './kubelet-routes.ts';
import type { ApiOptions, Handlers } from './stasis-routes.ts';

/** The OpenAPI document, and whether the daemon can do its work. */
export function documentHandlers({ node, version }: ApiOptions): Handlers<'document' | 'ready'> {
  const document = openApiDocument(version);
  return {
    document: async () => json(document),
    ready: async ({ query, signal }) => {
      const checks = [{ name: 'ping', problem: undefined }, ...(await checksOf(node, signal))];
      return readyAnswer(checks, query.text('verbose') !== undefined);
    },
  };
}

/** A node that is not there yet says itself what it waits for. */
async function checksOf(node: NodeControl, signal: AbortSignal): Promise<ReadyCheck[]> {
  try {
    return await node.ready(signal);
  } catch (error) {
    if (!isCoded(error, 'unavailable')) throw error;
    return [{ name: 'runtime', problem: error.message }];
  }
}

const nosniff = { 'x-content-type-options': 'nosniff' };

/** In the form of Kubernetes' own servers, with the reason, as only those who are let in see it. */
export function readyAnswer(checks: readonly ReadyCheck[], verbose: boolean): Response {
  const failed = checks.some(({ problem }) => problem !== undefined);
  if (!failed && !verbose) return plain(200, 'ok', nosniff);
  const lines = checks.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem.split('\n')[0]}`,
  );
  const text = `${lines.join('\n')}\nreadyz check ${failed ? 'failed' : 'passed'}\n`;
  return plain(failed ? 500 : 200, text, nosniff);
}
