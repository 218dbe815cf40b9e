import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, createRouterTransport, type Transport } from '@connectrpc/connect';
import type { Send } from '../api/client.ts';
import { type Authenticator, firstOf } from '../auth/authenticator.ts';
import { clientCertificate } from '../auth/client-certificate.ts';
import { type Authorizer, alwaysAllow, localPolicy, parsePolicy } from '../auth/policy.ts';
import { subjectAccessReviews } from '../auth/subject-access-review.ts';
import { parseTokenFile, staticTokens, tokenFileLimit } from '../auth/token-file.ts';
import { tokenReviews } from '../auth/token-review.ts';
import { noCpuAndMemory } from '../devicemanager/pod-resources.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { ImageService, RuntimeService } from '../gen/cri/v1/api_pb.ts';
import { kubeconfigSend, readKubeconfig } from '../kube/kubeconfig.ts';
import { privateDirectory, writeFileAtomic } from '../localfs/atomic-file.ts';
import { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import { fileDigest } from '../localfs/file-digest.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { ContainerCheckpoints } from '../pods/container-checkpoints.ts';
import { ContainerRestores } from '../pods/container-restores.ts';
import { InTurn } from '../pods/in-turn.ts';
import { ManifestDirectory } from '../pods/manifest-directory.ts';
import { Node } from '../pods/node.ts';
import { type Log, NodePods } from '../pods/node-pods.ts';
import type { NodeResources } from '../pods/node-resources.ts';
import { allContainers } from '../pods/pod.ts';
import { PodCheckpoints } from '../pods/pod-checkpoints.ts';
import { PodDirectories } from '../pods/pod-directories.ts';
import { PodRestores } from '../pods/pod-restores.ts';
import { PodFiles } from '../pods/pod-store.ts';
import { openPort } from '../runtime/builtin/bridge.ts';
import { createBuiltinRuntime } from '../runtime/builtin/builtin-runtime.ts';
import { checkpointHooks } from '../runtime/builtin/checkpoint-hooks.ts';
import { createApp } from '../server/app.ts';
import { listen } from '../server/https-server.ts';
import { RequestLimits } from '../server/limits.ts';
import { ServerMetrics } from '../server/server-metrics.ts';
import { addStasisRoutes } from '../server/stasis-routes.ts';
import { localAccess } from './local-access.ts';
import { openNodeDevices } from './node-devices.ts';
import { openNodeRuntime } from './node-runtime.ts';
import { hostAddress, type ProbeWiring, probes, tmpfsVolumes } from './pod-wiring.ts';
import type { Settings } from './settings.ts';
import { readTls, selfSignedFiles, type TlsFiles, watchFiles } from './tls-files.ts';

/** The daemon while it runs. */
export interface RunningDaemon {
  port: number;
  /** Stops serving and lets go of the pods, which go on. */
  close(): Promise<void>;
}

/** Milliseconds between two looks at the manifests where nothing tells of a change. */
const manifestInterval = 20_000;
/** Milliseconds that requests get to end when we stop. */
const closeTime = 10_000;

/** Chooses every implementation, puts them together and starts them. */
export async function startDaemon(settings: Settings, version: string, log: Log): Promise<RunningDaemon> {
  const stopping = new AbortController();
  await makeDirectories(join(settings.rootDirectory, 'stasis'), privateDirectory);
  const access = localAccess();
  const server = await apiServer(settings);
  const authentication = await authenticators(settings, server, log);
  const authorize = access.authorize(await authorizer(settings, server, log));
  const runtime = await openRuntime(settings, version, log);
  try {
    const node = await startNode(settings, version, runtime, log, stopping.signal);
    const limits = new RequestLimits();
    const app = createApp({
      nodeName: settings.nodeName,
      ...(settings.checkpointApi ? { checkpointer: node.control } : {}),
      authenticate: firstOf([access.authenticate, ...authentication.list], { anonymous: settings.anonymous }),
      authorize,
      limits,
      metrics: new ServerMetrics(),
      audit: (record) => log('info', 'audit', { ...record }),
      digestOf: (path) => fileDigest(path, stopping.signal),
      routes: (routes) => addStasisRoutes(routes, node.control),
    });
    const serving = await serve(settings, app, log);
    const { port } = serving;
    const address = reachable(settings.address);
    const published = await access.publish(settings.rootDirectory, {
      server: `https://${address}:${port}`,
      certificate: serving.certificate,
    });
    log('info', 'stasisd is serving', { address: settings.address, port, client: published });
    node.start();
    return {
      port,
      async close() {
        authentication.close();
        await serving.close();
        stopping.abort(new CodedError('cancelled', 'stasisd is stopping'));
        await node.close();
        await runtime.close();
        log('info', 'stasisd has stopped, its pods go on');
      },
    };
  } catch (error) {
    stopping.abort();
    await runtime.close();
    throw error;
  }
}

interface NodeRuntime {
  transport: Transport;
  /** A connection from inside a pod that only reaches itself. */
  insidePod?: ProbeWiring['insidePod'];
  close(): Promise<void>;
}

/** The built-in runtime in this process, or another one over its socket: nobody below knows which. */
async function openRuntime(settings: Settings, version: string, log: Log): Promise<NodeRuntime> {
  const { runtimeSocket } = settings;
  if (runtimeSocket !== undefined) {
    return openNodeRuntime({
      endpoint: runtimeSocket,
      kubeletRoot: settings.rootDirectory,
      notes: join(settings.rootDirectory, 'stasis/checkpointing'),
      log,
    });
  }
  const runtime = await createBuiltinRuntime({
    root: settings.runtimeRoot,
    state: settings.runtimeState,
    runtime: settings.ociRuntime,
    version,
    log: (line) => log('info', line, { from: 'runtime' }),
    hooks: checkpointHooks(),
  });
  return {
    transport: createRouterTransport((router) => runtime.routes(router)),
    insidePod: async (id, port, signal) =>
      openPort(runtime.runtime.sandbox(id).namespaces.network, port, signal),
    close: () => runtime.close(),
  };
}

async function startNode(
  settings: Settings,
  version: string,
  { transport, insidePod }: NodeRuntime,
  log: Log,
  stopping: AbortSignal,
) {
  const runtime = createClient(RuntimeService, transport);
  const images = createClient(ImageService, transport);
  const { rootDirectory } = settings;
  const ours = join(rootDirectory, 'stasis');
  const directory = new CheckpointsDirectory(join(rootDirectory, 'checkpoints'));
  const directories = new PodDirectories(rootDirectory, settings.podLogs, tmpfsVolumes);
  const store = new PodFiles(join(ours, 'pods'), (message) => log('error', message));
  const devices = await openNodeDevices(rootDirectory, log);
  const resources: NodeResources[] = [devices.resources];
  const hostIP = hostAddress();
  const ask = probes({
    runtime,
    hostIP,
    onHostNetwork: (uid) => pods.byUid(uid)?.pod.spec.hostNetwork === true,
    ...(insidePod ? { insidePod } : {}),
  });
  const place = { nodeName: settings.nodeName, hostIP };
  const pods: NodePods = new NodePods({ runtime, images, store, directories, resources, place, ask, log });
  await pods.load();
  const nodeId = await identity(join(ours, 'node-id'));
  const containerCheckpoints = new ContainerCheckpoints({
    runtime,
    directory: directory.path,
    runtimeRequestTimeout: settings.runtimeRequestTimeout,
    freeSpaceFloor: settings.freeSpaceFloor,
    knownContainers: (namespace, pod) => {
      const record = pods.find(namespace, pod);
      return record && allContainers(record.pod).map(({ name }) => name);
    },
  });
  await containerCheckpoints.prepare();
  for (const image of settings.images) {
    await images.pullImage({ image: { image } }, { signal: stopping }).catch((error: unknown) => {
      throw new CodedError('invalid-argument', `--image ${image}: ${messageOf(error)}`);
    });
  }
  const common = { runtime, pods, directories, directory, nodeId, log };
  const defaultTimeout = settings.runtimeRequestTimeout;
  const podCheckpoints = new PodCheckpoints({ ...common, defaultTimeout });
  const restores = new PodRestores({
    ...common,
    scratch: join(ours, 'restore'),
    timeout: Math.max(600, defaultTimeout),
  });
  const containerRestores = new ContainerRestores(common);
  const control = new Node(
    {
      name: settings.nodeName,
      version,
      rootDirectory,
      runtime,
      pods,
      directory,
      containerCheckpoints,
      podCheckpoints,
      restores,
      containerRestores,
      devices: () => devices.list(pods),
    },
    stopping,
  );
  await devices.start(pods, noCpuAndMemory);
  const restore = await restores.plan(stopping);
  let working: Promise<unknown> = Promise.resolve();
  return {
    control,
    start() {
      pods.start();
      // Restored pods may need ConfigMaps and Secrets that are described there.
      working = watchManifests(settings, pods, log, stopping).then(restore);
    },
    async close() {
      await pods.close();
      await devices.close();
      await working.catch(() => undefined);
    },
  };
}

/** Makes the node's pods those of the manifests, now and whenever these change. */
async function watchManifests(
  settings: Settings,
  pods: NodePods,
  log: Log,
  stopping: AbortSignal,
): Promise<void> {
  if (settings.manifests === undefined) return;
  const manifests = new ManifestDirectory({
    directory: settings.manifests,
    node: settings.nodeName,
    log: (message) => log('warn', message),
  });
  const inTurn = new InTurn();
  const apply = () =>
    inTurn
      .run('manifests', async () => {
        const found = stopping.aborted ? undefined : await manifests.read();
        if (found) await pods.applyManifests(found.pods, found.configuration);
      })
      .catch((error: unknown) => log('error', `taking over the manifests: ${messageOf(error)}`));
  manifests.watch(apply, stopping);
  const timer = setInterval(apply, manifestInterval);
  stopping.addEventListener('abort', () => clearInterval(timer), { once: true });
  await apply();
}

async function serve(settings: Settings, app: ReturnType<typeof createApp>, log: Log) {
  const { rootDirectory, nodeName, clientCaFile } = settings;
  const own = settings.tls ?? (await selfSignedFiles(rootDirectory, nodeName, log));
  const files: TlsFiles = { ...own, clientCaFile };
  const tls = await readTls(files);
  const server = await listen(app, { address: settings.address, port: settings.port, tls }).catch(
    (error: unknown) => {
      throw new CodedError(
        'unavailable',
        `listening on ${settings.address} port ${settings.port}: ${messageOf(error)}`,
      );
    },
  );
  const watched = [own.certificateFile, own.keyFile, ...(clientCaFile ? [clientCaFile] : [])];
  const unwatch = watchFiles(watched, () => {
    readTls(files)
      .then((changed) => {
        server.replaceTls(changed);
        log('info', 'the certificate was replaced');
      })
      .catch((error: unknown) => log('error', `the certificate stays as it was: ${messageOf(error)}`));
  });
  return {
    port: server.port,
    certificate: tls.certificate,
    async close() {
      unwatch();
      await server.close(closeTime);
    },
  };
}

async function authenticators(
  settings: Settings,
  server: Send | undefined,
  log: Log,
): Promise<{ list: Authenticator[]; close(): void }> {
  const { tokenFile } = settings;
  const list: Authenticator[] = settings.clientCaFile === undefined ? [] : [clientCertificate];
  const { tokenWebhook } = settings;
  const reviews = server && tokenWebhook ? [tokenReviews(server, tokenWebhook)] : [];
  if (tokenFile === undefined) return { list: [...list, ...reviews], close: () => undefined };
  const read = async () => parseTokenFile(await readLimited(tokenFile, 'tokens'), tokenFile);
  let users = await read();
  list.push(staticTokens(() => users));
  const close = watchFiles([tokenFile], () => {
    read()
      .then((changed) => {
        users = changed;
        log('info', `took over the tokens in ${tokenFile}`);
      })
      .catch((error: unknown) => log('error', `the tokens stay as they were: ${messageOf(error)}`));
  });
  // What is known on this node is not asked of anybody else.
  return { list: [...list, ...reviews], close };
}

/** Requests to the API server of the kubeconfig; undefined where nobody is asked. */
async function apiServer({ kubeconfig }: Settings): Promise<Send | undefined> {
  return kubeconfig === undefined ? undefined : kubeconfigSend(await readKubeconfig(kubeconfig));
}

async function authorizer(
  { authorization }: Settings,
  server: Send | undefined,
  log: Log,
): Promise<Authorizer> {
  if (authorization.mode === 'Webhook') {
    if (!server) throw new CodedError('invalid-argument', 'authorization mode Webhook needs --kubeconfig');
    return subjectAccessReviews(server, authorization);
  }
  if (authorization.mode === 'AlwaysAllow') {
    log('info', 'everyone who is authenticated may do everything (authorization mode AlwaysAllow)');
    return alwaysAllow;
  }
  const rules = parsePolicy(await readLimited(authorization.file, 'policy'), authorization.file);
  return localPolicy(() => rules);
}

async function readLimited(file: string, what: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new CodedError('invalid-argument', `reading the ${what} from ${file}: ${messageOf(error)}`);
  });
  if (text.length <= tokenFileLimit) return text;
  throw new CodedError('invalid-argument', `${file} is longer than ${tokenFileLimit} characters`);
}

/** A random identity that stays with the root directory. */
async function identity(path: string): Promise<string> {
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known.trim() !== '') return known.trim();
  const made = randomUUID();
  await writeFileAtomic(path, new TextEncoder().encode(`${made}\n`));
  return made;
}

/** An address by which this machine reaches a server that listens on `address`. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return address.includes(':') ? `[${address}]` : address;
}
