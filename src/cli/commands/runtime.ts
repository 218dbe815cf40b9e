import { defineCommand } from '../command.ts';

export const runtime = defineCommand({
  name: 'runtime',
  short: 'Say which container runtime this node has and whether it can checkpoint',
  long: `Finds the socket of the node's container runtime: as named by --container-runtime-endpoint, by kubeadm, by the
kubelet's configuration or by /etc/crictl.yaml, else the first of containerd's, CRI-O's and cri-dockerd's that exists.
Asks who is there and whether it can checkpoint, without touching any container. Ends with status 1 where it cannot.
What dockershim and cri-dockerd have left of pod sandboxes is listed: which pods, which ports of the node.`,
  examples: ['runtime', 'runtime --container-runtime-endpoint unix:///run/crio/crio.sock -o json'],
  flags: {
    'container-runtime-endpoint': {
      kind: 'string',
      usage: '`SOCKET` to ask, as unix:///PATH',
      complete: 'files',
    },
    'root-dir': {
      kind: 'string',
      default: '/var/lib/kubelet',
      usage: "the kubelet's root `directory`",
      complete: 'directories',
    },
    'kubelet-config': { kind: 'string', usage: "the kubelet's configuration `file`", complete: 'files' },
    output: { kind: 'enum', short: 'o', values: ['text', 'json'], usage: 'how to print it' },
  },
  complete: 'none',
  async run({ flags, console }) {
    const { printRuntime } = await import('../runtime-report.ts');
    return printRuntime(flags, console);
  },
});
