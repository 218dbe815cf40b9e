import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { RuntimeService } from '../../gen/cri/v1/api_pb.ts';
import { endAgain } from './end-again.ts';

const gone = 'failed to kill container "c": ttrpc: closed';

/** A runtime whose calls fail this often. @returns a client of it, and how often it was called */
function failing(times: number, words: string) {
  const calls = { count: 0 };
  const answer = () => {
    if (calls.count++ < times) throw new ConnectError(words);
    return {};
  };
  const transport = createRouterTransport(
    (router) => router.service(RuntimeService, { stopPodSandbox: answer, startContainer: answer }),
    { transport: { interceptors: [endAgain(/ttrpc: closed/)] } },
  );
  return { calls, client: createClient(RuntimeService, transport) };
}

test('endAgain + a helper that went away while it was asked: it is ended', async () => {
  const { calls, client } = failing(2, gone);
  await client.stopPodSandbox({ podSandboxId: 'p' });
  assert.equal(calls.count, 3);
});

test('endAgain + it stays away: the failure is told', async () => {
  const { calls, client } = failing(100, gone);
  await assert.rejects(client.stopPodSandbox({ podSandboxId: 'p' }), /ttrpc: closed/);
  assert.equal(calls.count, 4);
});

test('endAgain + other failures, and calls that begin something: made once', async () => {
  const other = failing(1, 'no such sandbox');
  await assert.rejects(other.client.stopPodSandbox({ podSandboxId: 'p' }), /no such sandbox/);
  const begins = failing(1, gone);
  await assert.rejects(begins.client.startContainer({ containerId: 'c' }), /ttrpc: closed/);
  assert.deepEqual([other.calls.count, begins.calls.count], [1, 1]);
});
