import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import type { Send } from '../api/client.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { type HttpsTarget, httpsSend } from './https-send.ts';

/** Bytes of a kubeconfig, or of a file that it names, that we are willing to read. */
const fileLimit = 1 << 20;

/** Text in the kubeconfig itself, or the path of a file with it. */
type Source = { text: string } | { file: string };

/** The current context of a kubeconfig. */
export interface Kubeconfig {
  /** `https://host:port` */
  server: string;
  /** Path below which the API stands, without a slash at its end; mostly empty. */
  prefix: string;
  authorities?: Source;
  certificate?: Source;
  key?: Source;
  token?: Source;
}

type Fields = Record<string, unknown>;

/** What would change whom we trust, or who we are, in a way that is not to be had here. */
const refusedCluster = ['insecure-skip-tls-verify', 'proxy-url', 'tls-server-name'];
const refusedUser = ['exec', 'auth-provider', 'username', 'password', 'as', 'as-uid', 'as-groups'];

/**
 * The current context of a kubeconfig, YAML or JSON; relative paths in it start at its own folder.
 * @param file path of the file
 * @throws CodedError `invalid-argument` naming what is wrong, never a token or a key.
 */
export function parseKubeconfig(text: string, file: string): Kubeconfig {
  const fail = (what: string): never => {
    throw new CodedError('invalid-argument', `reading ${file}: ${what}`);
  };
  const document = parseDocument(text, { uniqueKeys: true });
  // The parser's own words quote the line, which may hold a token.
  if (document.errors.length > 0) fail('it is not YAML');
  const root: unknown = document.toJS({ maxAliasCount: 0 });
  if (!isRecord(root) || root['kind'] !== 'Config') return fail('it is not kind Config');
  const context = named(root, 'context', root['current-context'], fail);
  const cluster = named(root, 'cluster', context['cluster'], fail);
  const user = context['user'] === undefined ? {} : named(root, 'user', context['user'], fail);
  for (const key of refusedCluster) if (cluster[key]) fail(`${key} of its cluster is not supported here`);
  for (const key of refusedUser) if (user[key]) fail(`${key} of its user is not supported here`);
  const folder = dirname(resolve(file));
  const certificate = source(user, 'client-certificate', folder, fail);
  const key = source(user, 'client-key', folder, fail);
  if ((certificate === undefined) !== (key === undefined)) {
    fail('its user has only one of client-certificate and client-key');
  }
  const authorities = source(cluster, 'certificate-authority', folder, fail);
  const token = tokenOf(user, folder, fail);
  return {
    ...serverOf(cluster['server'], fail),
    ...(authorities ? { authorities } : {}),
    ...(certificate && key ? { certificate, key } : {}),
    ...(token ? { token } : {}),
  };
}

/** Reads the kubeconfig at `file`. @throws CodedError `invalid-argument` */
export async function readKubeconfig(file: string): Promise<Kubeconfig> {
  return parseKubeconfig(await readText(file), file);
}

/**
 * Requests to the API server that `config` names. The files that it names are read for each request, since
 * tokens and certificates are renewed in place while we run.
 */
export function kubeconfigSend(config: Kubeconfig): Send {
  return async (request, signal) => {
    const target: HttpsTarget = { server: config.server };
    const names = ['authorities', 'certificate', 'key', 'token'] as const;
    for (const name of names) {
      const from = config[name];
      if (from) target[name] = 'text' in from ? from.text : await readText(from.file);
    }
    if (target.token) target.token = target.token.trim();
    return httpsSend(target)({ ...request, path: config.prefix + request.path }, signal);
  };
}

function serverOf(server: unknown, fail: (what: string) => never): { server: string; prefix: string } {
  const url = typeof server === 'string' && URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== 'https:' || url.search || url.hash || url.username) {
    return fail('server of its cluster is not https://HOST:PORT');
  }
  return { server: url.origin, prefix: url.pathname.replace(/\/+$/, '') };
}

function tokenOf(user: Fields, folder: string, fail: (what: string) => never): Source | undefined {
  const { token, tokenFile } = user;
  // A file goes before the token beside it, as in client-go.
  if (typeof tokenFile === 'string' && tokenFile !== '') return { file: resolve(folder, tokenFile) };
  if (token === undefined || token === '') return undefined;
  return typeof token === 'string' ? { text: token } : fail('token of its user is not a text');
}

/** `<name>-data` in base64, or the file `<name>`. */
function source(
  fields: Fields,
  name: string,
  folder: string,
  fail: (what: string) => never,
): Source | undefined {
  const data = fields[`${name}-data`];
  if (typeof data === 'string' && data !== '') {
    if (!/^[A-Za-z0-9+/\s]+=*\s*$/.test(data)) return fail(`${name}-data is not base64`);
    return { text: Buffer.from(data, 'base64').toString() };
  }
  const path = fields[name];
  if (path === undefined || path === '') return undefined;
  return typeof path === 'string' ? { file: resolve(folder, path) } : fail(`${name} is not a path`);
}

/** The member `kind` of the entry called `name` in the list `kind`s. */
function named(root: Fields, kind: string, name: unknown, fail: (what: string) => never): Fields {
  if (typeof name !== 'string' || name === '') return fail(`it names no ${kind} to use`);
  const list = root[`${kind}s`];
  const entry = (Array.isArray(list) ? list : []).find((one) => isRecord(one) && one['name'] === name);
  const found = isRecord(entry) ? entry[kind] : undefined;
  return isRecord(found) ? found : fail(`there is no ${kind} ${JSON.stringify(name)} in it`);
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > fileLimit) throw new Error(`it has more than ${fileLimit} bytes`);
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CodedError('invalid-argument', `reading ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
