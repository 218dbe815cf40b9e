import { parseDocument } from 'yaml';
import { CodedError } from '../errors/coded-error.ts';
import { type Field, flag, integer, mapOf, object, oneOf, Reading, text } from '../pods/schema.ts';
import { parseDuration } from './duration.ts';
import { otherKubeletSettings } from './kubelet-settings.ts';

/** What we take from a KubeletConfiguration. */
export interface ConfigurationFile {
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
  tlsMinVersion: oneOf('VersionTLS12'),
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
  readOnlyPort: only(0, 'nothing is served without authentication'),
  enableServer: only(true, 'serving is what this program is for'),
  serverTLSBootstrap: only(false, 'there is no API server to sign the certificate'),
};

/**
 * The settings of a KubeletConfiguration file, YAML or JSON. What the kubelet knows and we do not need is
 * accepted and listed; what no kubelet knows, or what contradicts what we promise, is refused, all of it named.
 * @throws CodedError `invalid-argument`
 */
export function parseKubeletConfiguration(content: string, file: string): ConfigurationFile {
  const document = parseDocument(content, { uniqueKeys: true });
  const problem = document.errors[0];
  const data: unknown = problem ? undefined : document.toJS({ maxAliasCount: 0 });
  const reading = new Reading();
  if (problem) reading.refuse('it', problem.message.split('\n')[0] ?? 'is not YAML');
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
  const read = problem
    ? undefined
    : object({ ...others, ...ours }, ['apiVersion', 'kind'])(data, '', reading);
  if (!read || reading.problems.length > 0) {
    const lines = reading.problems.map(({ path, message }) => `${path || 'it'} ${message}`);
    throw new CodedError('invalid-argument', `reading ${file}: ${lines.join('; ')}`);
  }
  const { apiVersion: _v, kind: _k, authentication, authorization, tlsMinVersion: _t, ...same } = read;
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
