import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, createClient } from '@connectrpc/connect';
import type { Send } from '../api/client.ts';
import { type Authenticator, firstOf } from '../auth/authenticator.ts';
import { clientCertificate } from '../auth/client-certificate.ts';
import { type Authorizer, alwaysAllow, localPolicy, parsePolicy } from '../auth/policy.ts';
import { subjectAccessReviews } from '../auth/subject-access-review.ts';
import { parseTokenFile, staticTokens, tokenFileLimit } from '../auth/token-file.ts';
import { tokenReviews } from '../auth/token-review.ts';
import { DeviceMetrics } from '../devicemanager/device-metrics.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { ImageService, RuntimeService } from '../gen/cri/v1/api_pb.ts';
import { dumpStatistics } from '../inspect/stats.ts';
import { kubeconfigSend, readKubeconfig } from '../kube/kubeconfig.ts';
import { privateDirectory, writeFileAtomic } from '../localfs/atomic-file.ts';
import { CheckpointsDirectory } from '../localfs/checkpoints-directory.ts';
import { fileDigest } from '../localfs/file-digest.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import { openCheckpoint } from '../localfs/open-checkpoint.ts';
import { CheckpointOperations } from '../pods/checkpoint-operations.ts';
import { ContainerCheckpoints } from '../pods/container-checkpoints.ts';
import { ContainerRestores } from '../pods/container-restores.ts';
import { FreeSpace } from '../pods/free-space.ts';
import { InTurn } from '../pods/in-turn.ts';
import { KeptCheckpoints } from '../pods/kept-checkpoints.ts';
import { ManifestDirectory } from '../pods/manifest-directory.ts';
import { Node } from '../pods/node.ts';
import type { NodeControl } from '../pods/node-control.ts';
import { type Log, NodePods } from '../pods/node-pods.ts';
import type { NodeResources } from '../pods/node-resources.ts';
import { allContainers } from '../pods/pod.ts';
import { PodCheckpoints } from '../pods/pod-checkpoints.ts';
import { PodDirectories } from '../pods/pod-directories.ts';
import { PodRestores } from '../pods/pod-restores.ts';
import { PodFiles } from '../pods/pod-store.ts';
import { PodStreams } from '../pods/pod-streams.ts';
import type { CompareWithNode } from '../pods/restore-preflight.ts';
import { compareWithNode } from '../runtime/cri/node-needs.ts';
import { type AppOptions, createApp } from '../server/app.ts';
import { listen } from '../server/https-server.ts';
import { RequestLimits } from '../server/limits.ts';
import { ServerMetrics } from '../server/server-metrics.ts';
import { addStasisRoutes } from '../server/stasis-routes.ts';
import { Streams } from '../server/streams.ts';
import { late } from './late.ts';
import { localAccess } from './local-access.ts';
import { lookInside } from './look-inside.ts';
import { openNodeCpus } from './node-cpus.ts';
import { openNodeDevices } from './node-devices.ts';
import { hostAddress, probes, tmpfsVolumes } from './pod-wiring.ts';
import { type NodeRuntime, RuntimeOpening } from './runtime-opening.ts';
import type { Settings } from './settings.ts';
import { readTls, selfSignedFiles, type TlsFiles, watchFiles } from './tls-files.ts';

/** The daemon while it runs. */
export interface RunningDaemon {
  port: number;
  /** Fails where what was waited for turns out never to come. */
  started: Promise<void>;
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
  const { rootDirectory } = settings;
  await makeDirectories(join(rootDirectory, 'stasis'), privateDirectory);
  const access = localAccess();
  const server = await apiServer(settings);
  const authentication = await authenticators(settings, server, log);
  const authorize = access.authorize(await authorizer(settings, server, log));
  const opening = new RuntimeOpening(settings, version, log, stopping.signal);
  await opening.first();
  const node = late<NodeControl>(() => opening.why);
  const streams = new Streams();
  const operations = new CheckpointOperations(stopping.signal, settings.operations);
  const deviceMetrics = new DeviceMetrics();
  const metrics = new ServerMetrics(frozenTime, deviceMetrics.all);
  const app = createApp({
    nodeName: settings.nodeName,
    ...(settings.checkpointApi ? { checkpointer: node.value } : {}),
    authenticate: firstOf([access.authenticate, ...authentication.list], { anonymous: settings.anonymous }),
    authorize,
    audit: (record) => log('info', 'audit', { ...record }),
    ...apiOptions(settings, version, node.value, metrics, operations, streams, stopping.signal),
  });
  let running: Awaited<ReturnType<typeof startNode>> | undefined;
  let serving: Awaited<ReturnType<typeof serve>> | undefined;
  const close = async (): Promise<void> => {
    authentication.close();
    streams.close();
    const closing = serving?.close();
    stopping.abort(new CodedError('cancelled', 'stasisd is stopping'));
    await closing;
    await operations.idle();
    await running?.close();
    await opening.close();
  };
  try {
    const start = async (): Promise<void> => {
      const runtime = await opening.runtime();
      running = await startNode(settings, version, runtime, opening, deviceMetrics, log, stopping.signal);
      node.set(running.control);
    };
    if (opening.isOpen) await start();
    serving = await serve(settings, app, streams, log);
    const { port, certificate } = serving;
    const where = { server: `https://${reachable(settings.address)}:${port}`, certificate };
    const published = await access.publish(rootDirectory, where);
    log('info', 'stasisd is serving', { address: settings.address, port, client: published });
    const go = async (): Promise<void> => {
      if (!running) await start();
      running?.start();
    };
    const started = go().catch((error: unknown) => {
      if (!stopping.signal.aborted) throw error;
    });
    return {
      port,
      started,
      async close() {
        await close();
        await started;
        log('info', 'stasisd has stopped, its pods go on');
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the API is made of besides who may use it. */
function apiOptions(
  settings: Settings,
  version: string,
  node: NodeControl,
  metrics: ServerMetrics,
  operations: CheckpointOperations,
  streams: Streams,
  stopping: AbortSignal,
): Pick<AppOptions, 'limits' | 'metrics' | 'digestOf' | 'routes'> {
  const limits = new RequestLimits(settings.limits);
  const digestOf = (path: string) => fileDigest(path, stopping);
  const api = { node, operations, streams, limits, metrics, version, digestOf, stopping };
  return { limits, metrics, digestOf, routes: (routes) => addStasisRoutes(routes, api) };
}

/** Microseconds for which nothing ran, as CRIU noted it in the archive. */
async function frozenTime(archive: string): Promise<number | undefined> {
  const checkpoint = await openCheckpoint(archive);
  try {
    return (await dumpStatistics(checkpoint))?.frozenTime;
  } finally {
    await checkpoint.close();
  }
}

async function startNode(
  settings: Settings,
  version: string,
  { transport, insidePod }: NodeRuntime,
  opening: RuntimeOpening,
  deviceMetrics: DeviceMetrics,
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
  const devices = await openNodeDevices(rootDirectory, deviceMetrics, log);
  const cpus = await openNodeCpus(rootDirectory, settings.cpus, log);
  const resources: NodeResources[] = [devices.resources, cpus.resources];
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
  const space = new FreeSpace({
    floor: settings.freeSpaceFloor,
    folders: [directory.path, ...(await opening.imageFolders(images, stopping))],
  });
  const { watch } = opening;
  const containerCheckpoints = new ContainerCheckpoints({
    runtime,
    directory: directory.path,
    runtimeRequestTimeout: settings.runtimeRequestTimeout,
    whenBusy: settings.whenBusy,
    ...{ space, watch },
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
  const podCheckpoints = new PodCheckpoints({ ...common, defaultTimeout, space, watch });
  const restores = new PodRestores({
    ...common,
    scratch: join(ours, 'restore'),
    timeout: Math.max(600, defaultTimeout),
  });
  const containerRestores = new ContainerRestores({ ...common, compare: comparison(images) });
  const kept = new KeptCheckpoints({
    directory,
    hasPod: (namespace, name) => pods.find(namespace, name) !== undefined,
  });
  const control = new Node(
    {
      name: settings.nodeName,
      version,
      rootDirectory,
      runtime,
      pods,
      kept,
      space,
      look: lookInside(rootDirectory),
      describeRuntime: (signal) => opening.describe(signal),
      containerCheckpoints,
      podCheckpoints,
      restores,
      containerRestores,
      devices: () => devices.list(pods),
      cpus: () => cpus.list(pods),
      streams: new PodStreams(runtime, pods, directories),
      hostIP,
    },
    stopping,
  );
  await devices.start(pods, cpus.served);
  cpus.start(pods, runtime, stopping);
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

/** Compares what a restore needs with this node; images are those of its runtime. */
function comparison(images: Client<typeof ImageService>): CompareWithNode {
  return async (needs, signal) => {
    const findImage = async (image: string): Promise<string | undefined> =>
      (await images.imageStatus({ image: { image } }, { signal })).image?.id;
    return compareWithNode(needs, { findImage, signal });
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

async function serve(settings: Settings, app: ReturnType<typeof createApp>, streams: Streams, log: Log) {
  const { rootDirectory, nodeName, clientCaFile } = settings;
  const own = settings.tls ?? (await selfSignedFiles(rootDirectory, nodeName, log));
  const files: TlsFiles = { ...own, clientCaFile };
  const tls = await readTls(files);
  const { address, port, tlsOptions } = settings;
  const upgrade = streams.upgrade.bind(streams);
  const server = await listen(app, { address, port, tls, tlsOptions, upgrade }).catch((error: unknown) => {
    throw new CodedError(
      'unavailable',
      `listening on ${settings.address} port ${settings.port}: ${messageOf(error)}`,
    );
  });
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
