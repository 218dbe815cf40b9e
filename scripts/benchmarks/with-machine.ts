import type { TestContext } from 'node:test';
import { type Machine, machine } from '../../test/e2e/kubelet-machine.ts';

/** Does something with a containerd and a daemon beside it, which are gone afterwards. */
export async function withMachine(
  flags: readonly string[],
  work: (here: Machine) => Promise<void>,
): Promise<void> {
  const endings: (() => unknown)[] = [];
  // All that the machine asks of a test is to be told of its end.
  const stage = { after: (end: () => unknown) => void endings.push(end) } as unknown as TestContext;
  try {
    await work(await machine(stage, flags));
  } finally {
    for (const end of endings) await end();
  }
}
