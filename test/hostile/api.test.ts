import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { HttpStream, StasisClient } from '../../src/api/client.ts';
import { isCoded } from '../../src/errors/coded-error.ts';
import { signal, TestNode } from '../e2e/node.ts';
import { needsRuntime, until } from '../runtime.ts';
import { hostileArchives } from './archives.ts';

/** What reads all of an archive, and what rewrites it; each is a thread of the daemon. */
function asked(client: StasisClient, name: string): Promise<unknown>[] {
  return [
    client.verify(name, false, signal()),
    client.core(name, {}, signal()).then(begun),
    client.convert(name, { to: 'podman', imageId: 'a'.repeat(64) }, signal()),
  ];
}

/** A core file may be long: an archive may say that much is zero. */
async function begun({ body }: HttpStream): Promise<void> {
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > 1 << 20) return;
  }
}
/** The command line is asked about all of them; here it is about what stands around it. */
const some = hostileArchives.filter((_, at) => at % 4 === 1);

test(
  'archives that mean harm get an answer each, and leave nothing and nobody harmed',
  needsRuntime,
  async (t) => {
    const node = new TestNode(t);
    await node.start();
    const client = node.client();
    for (const [at, archive] of some.entries()) {
      const name = `checkpoint-evil${at}_default-main-2026-01-01T00:00:00Z.tar`;
      writeFileSync(join(node.checkpoints, name), await archive.bytes(), { mode: 0o600 });
      for (const answer of await Promise.allSettled(asked(client, name))) {
        if (answer.status === 'fulfilled') continue;
        const error: unknown = answer.reason;
        assert.ok(isCoded(error) && error.code !== 'internal', `${archive.name}: ${String(error)}`);
      }
    }
    await until(
      'nothing is left',
      () => !readdirSync(node.checkpoints).some((name) => /^\.\d|^stasis-/.test(name)),
    );
    assert.equal((await client.node(signal())).kind, 'Node');
    assert.doesNotMatch(node.log, /"level":"error"/);
  },
);
