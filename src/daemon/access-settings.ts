import { resolve } from 'node:path';
import { CodedError } from '../errors/coded-error.ts';
import { booleanOf, durationOf } from './flag-values.ts';
import type { FlagValues } from './flags.ts';
import type { ConfigurationFile } from './kubelet-configuration.ts';

/** Who decides what someone may do. */
export type Authorization =
  | { mode: 'AlwaysAllow' }
  | { mode: 'Policy'; file: string }
  /** Seconds that decisions are kept. */
  | { mode: 'Webhook'; allowedSeconds: number; deniedSeconds: number };

/** How the API server, a policy or nobody is asked. */
export interface AccessSettings {
  kubeconfig: string | undefined;
  tokenWebhook: { cacheSeconds: number } | undefined;
  authorization: Authorization;
}

/**
 * Whether tokens and permissions are asked of an API server. With a kubeconfig both are unless something else
 * is said, as at the kubelet; without one neither can be.
 */
export function accessOf(flags: FlagValues, file: ConfigurationFile): AccessSettings {
  const kubeconfig = flags.kubeconfig ? resolve(flags.kubeconfig) : undefined;
  const asked = booleanOf(flags['authentication-token-webhook'], '--authentication-token-webhook');
  const tokens = asked ?? file.tokenWebhook ?? kubeconfig !== undefined;
  if (tokens && kubeconfig === undefined) fail('authentication by webhook needs --kubeconfig');
  return {
    kubeconfig,
    tokenWebhook: tokens
      ? { cacheSeconds: kept(flags, 'authentication-token-webhook-cache-ttl', file.tokenCache, 120) }
      : undefined,
    authorization: authorizationOf(flags, file, kubeconfig),
  };
}

function authorizationOf(
  flags: FlagValues,
  file: ConfigurationFile,
  kubeconfig: string | undefined,
): Authorization {
  const policy = flags['authorization-policy-file'];
  const mode =
    flags['authorization-mode'] ??
    (policy === undefined ? file.authorizationMode : 'Policy') ??
    (kubeconfig === undefined ? 'AlwaysAllow' : 'Webhook');
  if (policy !== undefined && mode !== 'Policy') {
    fail(`--authorization-policy-file contradicts --authorization-mode=${mode}`);
  }
  if (mode === 'AlwaysAllow') return { mode };
  if (mode === 'Policy' && policy !== undefined) return { mode, file: resolve(policy) };
  if (mode === 'Policy') return fail('--authorization-mode=Policy needs --authorization-policy-file');
  if (mode !== 'Webhook') {
    return fail(`authorization mode ${mode} is not supported, known here: AlwaysAllow, Policy, Webhook`);
  }
  if (kubeconfig === undefined) fail('authorization mode Webhook needs --kubeconfig');
  return {
    mode,
    allowedSeconds: kept(flags, 'authorization-webhook-cache-authorized-ttl', file.allowedCache, 300),
    deniedSeconds: kept(flags, 'authorization-webhook-cache-unauthorized-ttl', file.deniedCache, 30),
  };
}

type CacheFlag = Extract<keyof FlagValues, `${string}-ttl`>;

/** A 0 in the file stands for the default, as kubeadm writes it; a 0 by flag keeps nothing. */
function kept(flags: FlagValues, flag: CacheFlag, inFile: number | undefined, usual: number): number {
  return durationOf(flags[flag], `--${flag}`) ?? (inFile || usual);
}

function fail(message: string): never {
  throw new CodedError('invalid-argument', message);
}
