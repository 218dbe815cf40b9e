/** containerd, and beside it the daemon with the kubelet's API, as on a node that has a cluster. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { containerdWithLoad, type LoadedContainerd } from '../engines/loaded-containerd.ts';
import { atEnd } from '../runtime.ts';
import { type Ask, ask, makeTrust } from '../server/harness.ts';
import { TestNode } from './node.ts';

export const trust = makeTrust();

export interface Machine {
  ctd: LoadedContainerd;
  node: TestNode;
  post(path: string, options?: Ask): ReturnType<typeof ask>;
}

/** Lets in a client certificate and a token. @param folder of everything containerd keeps */
export async function machine(
  t: TestContext,
  flags: readonly string[] = [],
  folder = mkdtempSync(join(tmpdir(), 'stasis-ctd-')),
): Promise<Machine> {
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  // Made first, so that it is ended before containerd is.
  const node = new TestNode(t, [
    ...['--container-runtime-endpoint', `unix://${join(folder, 'c/containerd.sock')}`],
    ...['--tls-cert-file', file('server.crt', trust.server.certificate)],
    ...['--tls-private-key-file', file('server.key', trust.server.key)],
    ...['--client-ca-file', file('ca.crt', trust.ca.certificate)],
    ...['--token-auth-file', file('tokens.csv', 'good-token,alice,1\n')],
    ...flags,
  ]);
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  const ctd = await containerdWithLoad(t, { folder });
  await node.start();
  const port = (): number => Number(new URL(node.file().server).port);
  return { ctd, node, post: (path, options = {}) => ask(trust, port(), path, options) };
}

/** What the daemon has noted as under way. */
export function underWay(node: TestNode): string[] {
  const notes = join(node.root, 'stasis/checkpointing');
  return existsSync(notes) ? readdirSync(notes) : [];
}

export const withToken = { headers: { authorization: 'Bearer good-token' } };
