import { type Document, parseAllDocuments } from 'yaml';
import { CodedError } from '../errors/coded-error.ts';
import { type Field, flag, integer, listOf, mapOf, object, oneOf, Reading, text } from '../pods/schema.ts';
import { type CpuConfiguration, cpuFields } from './cpu-settings.ts';
import { parseDuration } from './duration.ts';
import { otherKubeletSettings } from './kubelet-settings.ts';
import { type MemoryConfiguration, memoryFields } from './memory-settings.ts';
import { type OwnConfiguration, ownConfiguration, ownKind } from './own-configuration.ts';

/** What we take from a KubeletConfiguration, and from a document of our own beside it. */
export interface ConfigurationFile extends CpuConfiguration, MemoryConfiguration {
  address?: string;
  port?: number;
  staticPodPath?: string;
  podLogsDir?: string;
  tlsCertFile?: string;
  tlsPrivateKeyFile?: string;
  clientCaFile?: string;
  anonymous?: boolean;
  authorizationMode?: string;
  tokenWebhook?: boolean;
  /** Seconds; 0 stands for the kubelet's own. */
  tokenCache?: number;
  allowedCache?: number;
  deniedCache?: number;
  enableDebuggingHandlers?: boolean;
  featureGates?: Record<string, boolean>;
  containerRuntimeEndpoint?: string;
  /** Seconds. */
  runtimeRequestTimeout?: number;
  tlsMinVersion?: string;
  tlsCipherSuites?: string[];
  tlsCurvePreferences?: number[];
  own?: OwnConfiguration;
  /** Settings of the kubelet that mean nothing here, by name. */
  ignored: string[];
}

const duration: Field<number> = (value, path, reading) => {
  const seconds = typeof value === 'string' ? parseDuration(value) : undefined;
  return seconds ?? reading.refuse(path, 'is not a duration such as 2m0s');
};

/** A setting that would open or change the server in a way that is not to be had here. */
function only(accepted: unknown, why: string): Field<never> {
  return (value, path, reading) =>
    value === accepted ? undefined : reading.refuse(path, `is ${JSON.stringify(value)}: ${why}`);
}

const ours = {
  apiVersion: oneOf('kubelet.config.k8s.io/v1beta1'),
  kind: oneOf('KubeletConfiguration'),
  address: text,
  port: integer(1, 65535),
  staticPodPath: text,
  podLogsDir: text,
  tlsCertFile: text,
  tlsPrivateKeyFile: text,
  tlsMinVersion: text,
  tlsCipherSuites: listOf(text),
  tlsCurvePreferences: listOf(integer(0, 65535)),
  authentication: object({
    x509: object({ clientCAFile: text }),
    anonymous: object({ enabled: flag }),
    webhook: object({
      enabled: flag,
      cacheTTL: duration,
    }),
  }),
  authorization: object({
    mode: text,
    webhook: object({ cacheAuthorizedTTL: duration, cacheUnauthorizedTTL: duration }),
  }),
  enableDebuggingHandlers: flag,
  featureGates: mapOf(flag),
  containerRuntimeEndpoint: text,
  runtimeRequestTimeout: duration,
  ...cpuFields,
  ...memoryFields,
  readOnlyPort: only(0, 'nothing is served without authentication'),
  enableServer: only(true, 'serving is what this program is for'),
  serverTLSBootstrap: only(false, 'there is no API server to sign the certificate'),
};

/**
 * The settings of a KubeletConfiguration file, YAML or JSON, and of a DaemonConfiguration in the same file. What the
 * kubelet knows and we do not need is accepted and listed; what no kubelet knows, or what contradicts what we
 * promise, is refused, all of it named.
 * @throws CodedError `invalid-argument`
 */
export function parseKubeletConfiguration(content: string, file: string): ConfigurationFile {
  const reading = new Reading();
  const documents = documentsOf(content, reading);
  const isOwn = (data: unknown): boolean => (data as { kind?: unknown } | null)?.kind === ownKind;
  const kubelets = documents.filter((data) => !isOwn(data));
  const owns = documents.filter(isOwn);
  if (kubelets.length > 1) reading.refuse('it', 'has more than one KubeletConfiguration');
  if (owns.length > 1) reading.refuse('it', `has more than one ${ownKind}`);
  const own = owns.length > 0 ? ownConfiguration(owns[0], '', reading) : undefined;
  const needed = kubelets.length > 0 || owns.length === 0;
  const kubelet =
    needed && reading.problems.length === 0 ? readKubelet(kubelets[0], reading) : { ignored: [] };
  if (!kubelet || reading.problems.length > 0) {
    const lines = reading.problems.map(({ path, message }) => `${path || 'it'} ${message}`);
    throw new CodedError('invalid-argument', `reading ${file}: ${lines.join('; ')}`);
  }
  return { ...kubelet, ...(own ? { own } : {}) };
}

function documentsOf(content: string, reading: Reading): unknown[] {
  const found = parseAllDocuments(content, { uniqueKeys: true });
  const documents: readonly Document[] = Array.isArray(found) ? found : [];
  const problem = documents.flatMap(({ errors }) => errors)[0];
  if (problem) {
    reading.refuse('it', problem.message.split('\n')[0] ?? 'is not YAML');
    return [];
  }
  return documents.map((document) => document.toJS({ maxAliasCount: 0 }) as unknown);
}

function readKubelet(data: unknown, reading: Reading): ConfigurationFile | undefined {
  const ignored: string[] = [];
  const others = Object.fromEntries(
    [...otherKubeletSettings].map((name): [string, Field<never>] => [
      name,
      (_value, path) => {
        ignored.push(path);
        return undefined;
      },
    ]),
  );
  const read = object({ ...others, ...ours }, ['apiVersion', 'kind'])(data, '', reading);
  if (!read) return undefined;
  const { apiVersion: _v, kind: _k, authentication, authorization, ...same } = read;
  // Nothing is evicted: only the static policy counts it.
  if (read.evictionHard && read.memoryManagerPolicy !== 'Static') ignored.push('evictionHard');
  const clientCaFile = authentication?.x509?.clientCAFile;
  const anonymous = authentication?.anonymous?.enabled;
  const mode = authorization?.mode;
  const tokenWebhook = authentication?.webhook?.enabled;
  const tokenCache = authentication?.webhook?.cacheTTL;
  const allowedCache = authorization?.webhook?.cacheAuthorizedTTL;
  const deniedCache = authorization?.webhook?.cacheUnauthorizedTTL;
  return {
    ...(same as Partial<ConfigurationFile>),
    ...(clientCaFile === undefined ? {} : { clientCaFile }),
    ...(anonymous === undefined ? {} : { anonymous }),
    ...(mode === undefined ? {} : { authorizationMode: mode }),
    ...(tokenWebhook === undefined ? {} : { tokenWebhook }),
    ...(tokenCache === undefined ? {} : { tokenCache }),
    ...(allowedCache === undefined ? {} : { allowedCache }),
    ...(deniedCache === undefined ? {} : { deniedCache }),
    ignored,
  };
}
