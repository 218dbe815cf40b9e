import { containerd } from './containerd.ts';
import { crio } from './crio.ts';
import type { RuntimeQuirks } from './quirks.ts';

/** Docker behind its adapter: nothing in it can be checkpointed through the CRI. */
const dockerd: RuntimeQuirks = {
  runtimeName: 'docker',
  title: 'cri-dockerd',
  refusal: () => ({
    why: 'cri-dockerd has no checkpoints',
    hint: 'move this node to containerd 2.1 or newer, or to CRI-O',
  }),
  failures: [],
};

/** The runtime of this program, served on a socket. */
const stasis: RuntimeQuirks = {
  runtimeName: 'stasis',
  title: 'stasis',
  refusal: () => undefined,
  failures: [],
};

const known: readonly RuntimeQuirks[] = [containerd, crio, dockerd, stasis];

/** Any other runtime is taken as it is: its answers tell what it can. */
export function quirksOf(runtimeName: string): RuntimeQuirks {
  const found = known.find((item) => item.runtimeName === runtimeName);
  return found ?? { runtimeName, title: runtimeName, refusal: () => undefined, failures: [] };
}
