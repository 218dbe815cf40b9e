import type { Transport } from '@connectrpc/connect';
import { CodedError } from '../errors/coded-error.ts';
import type { Log } from '../pods/node-pods.ts';
import { type CriRuntime, openCriRuntime } from '../runtime/cri/cri-runtime.ts';
import { discoverEndpoint } from '../runtime/cri/endpoint.ts';

export interface NodeRuntimeOptions {
  /** Path of a socket, or `auto`. */
  endpoint: string;
  /** Where the kubelet's configuration may name the socket. */
  kubeletRoot: string;
  /** Folder for notes about checkpoints that go on. */
  notes: string;
  /** Folder for notes about restored pods whose packets are held back. */
  holds: string;
  /** Private folder for archives on their way into the runtime. */
  scratch: string;
  log: Log;
}

/**
 * The container runtime of this node in place of the built-in one.
 * @throws CodedError `unsupported` where it will never checkpoint, `unavailable` where nobody answers
 */
export async function openNodeRuntime(
  options: NodeRuntimeOptions,
): Promise<{ transport: Transport; recover(): Promise<void>; close(): Promise<void> }> {
  const { log, notes, holds, scratch } = options;
  const path = await socketOf(options);
  const runtime = await openCriRuntime({ path, notes, holds, scratch, log: (line) => log('warn', line) });
  try {
    tell(runtime, path, log);
  } catch (error) {
    await runtime.close();
    throw error;
  }
  return {
    transport: runtime.transport,
    async recover() {
      for (const id of await runtime.recover()) {
        log('warn', 'a checkpoint was cut off, its container runs again', { container: id });
      }
    },
    close: () => runtime.close(),
  };
}

async function socketOf({ endpoint, kubeletRoot, log }: NodeRuntimeOptions): Promise<string> {
  if (endpoint !== 'auto') return endpoint;
  const found = await discoverEndpoint({ kubeletRoot });
  if (!found) {
    throw new CodedError('unavailable', 'this node has no container runtime that could be found', {
      hint: 'name its socket with --container-runtime-endpoint, or leave that out for the built-in runtime',
    });
  }
  log('info', `the container runtime's socket is ${found.path}, by ${found.from}`);
  return found.path;
}

function tell({ facts, ability }: CriRuntime, path: string, log: Log): void {
  const name = `${facts.quirks.title} ${facts.version}`;
  if (ability.can) {
    log('info', `the container runtime is ${name}`, { socket: path });
    return;
  }
  const hint = ability.hint === undefined ? {} : { hint: ability.hint };
  if (ability.never) {
    throw new CodedError('unsupported', `${name} at ${path} cannot checkpoint: ${ability.why}`, hint);
  }
  log('warn', `the container runtime ${name} cannot checkpoint now: ${ability.why}`, hint);
}
