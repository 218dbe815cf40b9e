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

const restoreFailures: readonly Failure[] = [
  {
    match: /failed to (?:pull|get) checkpoint base image|parse "dummy:/,
    hint: 'containerd takes the image from its registry even where it is present: see that the registry answers, or convert the archive with stasis convert --image NAME',
  },
  {
    match: /enable_experimental_restore_via_create/,
    hint: `set enable_experimental_restore_via_create = true under [plugins."io.containerd.cri.v1.runtime"] in ${configuration} and restart containerd`,
  },
  { match: /criu support is disabled by configuration/, hint: `set enable_criu = true in ${configuration}` },
  { match: /criu binary not found|CRIU binary not found|executable file not found.*criu/i, hint: install },
  {
    match: /criu failed: type RESTORE|CRIU restoring failed/,
    hint: 'containerd removes the log of CRIU; keep it with a line log-file=/run/criu-restore.log in /etc/criu/runc.conf or /etc/criu/crun.conf, and try again',
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
  restores: {
    target: 'containerd',
    refusal({ major, minor }) {
      if (major === 2 && minor < 1) return { why: 'it does so since 2.1', hint: 'upgrade to containerd 2.1' };
      if (major > 2 || (major === 2 && minor >= 4)) {
        return {
          why: 'it no longer does since 2.4',
          hint: 'use containerd 2.1 to 2.3, or the built-in runtime',
        };
      }
      return undefined;
    },
    failures: restoreFailures,
  },
  // It makes every checkpoint of a container in the same folder, which a call that was given up removes at its end.
  remains: /\/ctrd-checkpoint\/?\S*: (?:no such file or directory|file exists|directory not empty)/,
  helperGone: /ttrpc: closed/,
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
