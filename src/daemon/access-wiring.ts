import { readFile } from 'node:fs/promises';
import type { Send } from '../api/client.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import { clientCertificate } from '../auth/client-certificate.ts';
import { type Authorizer, alwaysAllow, localPolicy, parsePolicy } from '../auth/policy.ts';
import { subjectAccessReviews } from '../auth/subject-access-review.ts';
import { parseTokenFile, staticTokens, tokenFileLimit } from '../auth/token-file.ts';
import { tokenReviews } from '../auth/token-review.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { kubeconfigSend, readKubeconfig } from '../kube/kubeconfig.ts';
import type { Log } from '../pods/node-pods.ts';
import type { Settings } from './settings.ts';
import { watchFiles } from './tls-files.ts';

/** Who is let in, from what this node knows and from whom it asks. */
export async function authenticators(
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
export async function apiServer({ kubeconfig }: Settings): Promise<Send | undefined> {
  return kubeconfig === undefined ? undefined : kubeconfigSend(await readKubeconfig(kubeconfig));
}

/** Who may do what. */
export async function authorizer(
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
