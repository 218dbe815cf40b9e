import { parseArgs } from 'node:util';
import { CodedError, messageOf } from '../errors/coded-error.ts';

/** Flag, what stands for its value, and what it does; the kubelet's names where it has one. */
const table = {
  'root-dir': ['DIR', 'state and checkpoints, as the kubelet has them (/var/lib/kubelet)'],
  config: ['FILE', 'a KubeletConfiguration, and after --- a DaemonConfiguration; flags go before it'],
  manifests: ['DIR', 'pods to run: one v1.Pod in each file'],
  'pod-manifest-path': ['DIR', 'the same, by its name at the kubelet'],
  'pod-logs-dir': ['DIR', 'logs of containers (/var/log/pods, or below another root directory)'],
  address: ['ADDRESS', 'where to listen (0.0.0.0)'],
  port: ['PORT', 'where to listen (10250)'],
  'hostname-override': ['NAME', 'name of this node'],
  'runtime-root': ['DIR', 'images and containers of the built-in runtime (/var/lib/stasis)'],
  'runtime-state': ['DIR', 'what the built-in runtime forgets at a reboot (/run/stasis)'],
  'cni-conf-dir': ['DIR', 'the CNI network that pods of the built-in runtime join (/etc/cni/net.d)'],
  'cni-bin-dir': ['DIRS', 'its plugins, with commas (/opt/cni/bin,/usr/lib/cni)'],
  'oci-runtime': ['NAME', 'crun or runc (crun)'],
  image: ['REFERENCE', 'take an image in at the start, as docker-archive:/FILE; may be given many times'],
  'container-runtime-endpoint': [
    'SOCKET',
    'another runtime than the built-in one, as unix:///run/containerd/containerd.sock; auto finds it',
  ],
  'runtime-request-timeout': ['DURATION', 'shortest deadline of a checkpoint (2m)'],
  'checkpoint-free-space': ['QUANTITY', 'space that checkpoints leave free (100Mi)'],
  'checkpoint-when-busy': [
    'WHAT',
    'a second checkpoint of a container does wait, conflict (409) or refuse (429) (wait)',
  ],
  'checkpoints-per-user': ['NUMBER', 'made at once for one user (16)'],
  'checkpoints-per-node': ['NUMBER', 'made at once for everybody (64)'],
  'checkpoint-rate-per-user': ['NUMBER', 'asked for in a minute by one user, 0 for any number (600)'],
  'checkpoint-rate-per-node': ['NUMBER', 'asked for in a minute by everybody, 0 for any number (1200)'],
  'operation-ttl': ['DURATION', 'remember checkpoints that went on without a client (1h)'],
  'tls-min-version': ['VERSION', 'VersionTLS12 or VersionTLS13 (VersionTLS12)'],
  'tls-cipher-suites': ['NAMES', 'suites of TLS 1.2 that may be used, by Go’s names, with commas'],
  'tls-cert-file': ['FILE', 'certificate of the server; made below DIR/pki where left out'],
  'tls-private-key-file': ['FILE', 'its key'],
  'client-ca-file': ['FILE', 'let in clients whose certificate these authorities signed'],
  'token-auth-file': ['FILE', 'let in bearers of these tokens: lines token,user,uid,"groups"'],
  'anonymous-auth': ['BOOL', 'let in everybody else as system:anonymous (false)'],
  kubeconfig: ['FILE', 'the API server that is asked about tokens and permissions'],
  'authentication-token-webhook': ['BOOL', 'ask it whose a token is (true with a kubeconfig)'],
  'authentication-token-webhook-cache-ttl': ['DURATION', 'keep its answers about tokens (2m)'],
  'authorization-mode': ['MODE', 'AlwaysAllow, Policy, or Webhook, which a kubeconfig makes the default'],
  'authorization-webhook-cache-authorized-ttl': ['DURATION', 'keep what it allows (5m)'],
  'authorization-webhook-cache-unauthorized-ttl': ['DURATION', 'keep what it does not (30s)'],
  'authorization-policy-file': ['FILE', 'who may do what: apiVersion stasis/v1, kind Policy'],
  'enable-debugging-handlers': ['BOOL', 'serve the Kubelet Checkpoint API (true)'],
  'feature-gates': ['GATES', 'ContainerCheckpoint=false turns that API off'],
} as const;

type Name = keyof typeof table;
export type FlagValues = { [K in Exclude<Name, 'image'>]?: string } & { image?: string[] };

export interface CommandLine {
  flags: FlagValues;
  help: boolean;
  version: boolean;
}

/** @throws CodedError `invalid-argument` for whatever is not in the table. */
export function parseFlags(args: readonly string[]): CommandLine {
  const options = Object.fromEntries(
    Object.keys(table).map((name) => [name, { type: 'string' as const, multiple: name === 'image' }]),
  );
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...options,
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
      strict: true,
      allowPositionals: false,
    });
    const { help, version, ...flags } = values as Record<string, unknown>;
    return { flags: flags as FlagValues, help: help === true, version: version === true };
  } catch (error) {
    const [line = ''] = messageOf(error).split(/\n|\. To specify/);
    throw new CodedError('invalid-argument', line);
  }
}

export function helpText(): string {
  const lines = Object.entries(table).map(
    ([name, [value, text]]) => `  --${`${name} ${value}`.padEnd(38)} ${text}`,
  );
  return `Runs pods on this node, checkpoints and restores them, and serves the Kubelet Checkpoint API.

Usage:
  stasisd [flags]
  stasisd cri [flags]    serves the built-in container runtime on a socket, see stasisd cri --help

Flags:
${lines.join('\n')}
  --help                                   these lines
  --version                                the version
`;
}
