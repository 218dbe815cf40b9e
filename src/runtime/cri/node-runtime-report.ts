import { access, readdir, stat } from 'node:fs/promises';
import { CodedError } from '../../errors/coded-error.ts';
import { checkCriu } from '../builtin/criu.ts';
import { openSocket } from './cri-runtime.ts';
import { type DiscoverOptions, discoverEndpoint, dockershimSocket, type Endpoint } from './endpoint.ts';
import { checkpointAbility, identify } from './handshake.ts';

/** Where dockershim kept one file for each pod sandbox. */
const dockershimCheckpoints = '/var/lib/dockershim/sandbox';

/** What there is to know about a node's container runtime before one asks it for a checkpoint. */
export interface NodeRuntimeReport {
  endpoint: Endpoint;
  /** As its makers write it; empty where nobody answers. */
  name: string;
  version: string;
  apiVersion: string;
  /** Whether it can checkpoint. */
  canCheckpoint: boolean;
  /** Why not, and what to do. */
  why?: string;
  hint?: string;
  /** The machine's criu, as found in our own PATH, which may be another than the runtime's. */
  criu: { version?: string; problem?: string };
  /** Sandboxes that dockershim or cri-dockerd has left files of. */
  dockershimSandboxes: number;
}

/**
 * Finds this node's container runtime and asks it what it can.
 * @throws CodedError `not-found` where there is none, `invalid-argument` for a setting that names no unix socket
 */
export async function reportRuntime(
  options: DiscoverOptions,
  signal?: AbortSignal,
): Promise<NodeRuntimeReport> {
  const sandboxes = (await readdir(dockershimCheckpoints).catch(() => [] as string[])).length;
  const endpoint = await discoverEndpoint(options);
  if (endpoint === undefined) throw await nothingFound(sandboxes);
  const criu = await criuReport();
  const common = { endpoint, criu, dockershimSandboxes: sandboxes };
  const socket = openSocket(endpoint.path);
  try {
    const facts = await identify(socket.runtime, endpoint.path, signal);
    const ability = await checkpointAbility(socket.runtime, facts, signal);
    const { version, apiVersion } = facts;
    const found = { ...common, name: facts.quirks.title, version, apiVersion };
    if (ability.can) return { ...found, canCheckpoint: true };
    const { why, hint } = ability;
    return { ...found, canCheckpoint: false, why, ...(hint === undefined ? {} : { hint }) };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const { message: why, hint } = error;
    const nobody = { ...common, name: '', version: '', apiVersion: '', canCheckpoint: false, why };
    return { ...nobody, ...(hint === undefined ? {} : { hint }) };
  } finally {
    socket.close();
  }
}

/** The machine’s criu, or what is wrong with it. */
export async function criuReport(): Promise<NodeRuntimeReport['criu']> {
  try {
    return { version: (await checkCriu()).version };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return { problem: error.hint === undefined ? error.message : `${error.message}: ${error.hint}` };
  }
}

/** Where the kubelet itself speaks with Docker there is no runtime that could be asked. */
async function nothingFound(sandboxes: number): Promise<CodedError> {
  const dockershim = await stat(dockershimSocket).then(
    (found) => found.isSocket(),
    () => false,
  );
  const docker = await access('/var/run/docker.sock').then(
    () => true,
    () => false,
  );
  if (!dockershim && !(docker && sandboxes > 0)) {
    return new CodedError('not-found', 'no container runtime was found on this node', {
      hint: 'name its socket with --container-runtime-endpoint; stasisd brings a runtime of its own',
    });
  }
  return new CodedError(
    'not-found',
    `this node runs its pods by dockershim (${sandboxes} sandboxes), which has no checkpoints`,
    {
      hint: 'move it to containerd 2.1 or newer, or to CRI-O; stasis state list shows what the sandbox files contain',
    },
  );
}
