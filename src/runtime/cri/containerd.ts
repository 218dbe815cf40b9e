import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { Status, Tasks } from '../../gen/containerd/services/tasks/v1/tasks_pb.ts';
import type { Failure, RuntimeQuirks } from './quirks.ts';

/** The namespace in which containerd keeps what was made through the CRI. */
const headers = { 'containerd-namespace': 'k8s.io' };

const configuration = '/etc/containerd/config.toml';
const install = 'install criu 3.16 or newer where containerd finds it (Debian: apt-get install criu)';

const failures: readonly Failure[] = [
  {
    match: /criu support is disabled by configuration/,
    hint: `set enable_criu = true under [plugins."io.containerd.cri.v1.runtime"] in ${configuration} and restart containerd`,
  },
  { match: /CRIU binary not found or too old|requires at least CRIU/i, hint: install },
  { match: /criu binary not found|failed to (?:retrieve|check).*criu/i, hint: install },
  {
    match: /OCI runtime pause failed: container not running/,
    hint: 'somebody else has frozen the container: resume it first',
  },
];

/** containerd, 2.0 and newer. */
export const containerd: RuntimeQuirks = {
  runtimeName: 'containerd',
  title: 'containerd',
  refusal: ({ major }) =>
    major < 2
      ? { why: 'containerd has checkpoints since 2.0', hint: 'upgrade to containerd 2.1 or newer' }
      : undefined,
  failures,
  // It makes every checkpoint of a container in the same folder, which a call that was given up removes at its end.
  remains: /\/ctrd-checkpoint\/?\S*: (?:no such file or directory|file exists|directory not empty)/,
  letRun: (transport) => {
    const tasks = createClient(Tasks, transport);
    return (containerId) => resume(tasks, containerId);
  },
  pause: (transport) => {
    const tasks = createClient(Tasks, transport);
    return async (containerId, signal) => {
      await tasks.pause({ containerId }, { headers, timeoutMs: 10_000, signal });
    };
  },
};

/**
 * Resumes a task that a checkpoint has left paused: containerd does that itself only while whoever asked for
 * the checkpoint still waits for it.
 */
async function resume(tasks: Client<typeof Tasks>, containerId: string): Promise<boolean> {
  const options = { headers, timeoutMs: 10_000 };
  try {
    const { process } = await tasks.get({ containerId }, options);
    if (process?.status !== Status.PAUSED && process?.status !== Status.PAUSING) return false;
    await tasks.resume({ containerId }, options);
    return true;
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    // It has ended, or somebody was faster, or the shim takes for running what runc has frozen.
    if (code === Code.NotFound || /cannot resume a \w+ process/.test(rawMessage)) return false;
    throw error;
  }
}
