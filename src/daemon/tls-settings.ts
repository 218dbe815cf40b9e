import { CodedError } from '../errors/coded-error.ts';

/** How the server may be spoken to; what is left out is as Node has it. */
export interface TlsSettings {
  minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** In OpenSSL's names, with colons between them. */
  ciphers?: string;
  /** In OpenSSL's names, with colons between them. */
  curves?: string;
}

const versions: Readonly<Record<string, TlsSettings['minVersion']>> = {
  VersionTLS12: 'TLSv1.2',
  VersionTLS13: 'TLSv1.3',
};

/** Suites of TLS 1.3 have one name everywhere; as with Go's server they are there whatever the list says. */
const newSuites = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
] as const;

/** Go's names of the suites of TLS 1.2 → OpenSSL's. Those with RC4 and 3DES are not to be had any more. */
const suites: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA256: 'AES128-SHA256',
};

/** Numbers of key exchanges as the kubelet's configuration has them → OpenSSL's names. */
const curves: Readonly<Record<number, string>> = {
  23: 'P-256',
  24: 'P-384',
  25: 'P-521',
  29: 'X25519',
  4588: 'X25519MLKEM768',
};

/**
 * TLS as the kubelet's settings say. Each that cannot be honoured is named.
 * @throws CodedError `invalid-argument`
 */
export function tlsSettings(given: {
  minVersion?: string | undefined;
  cipherSuites?: readonly string[] | undefined;
  curvePreferences?: readonly number[] | undefined;
}): TlsSettings {
  const name = given.minVersion || 'VersionTLS12';
  const minVersion = Object.hasOwn(versions, name) ? versions[name] : undefined;
  if (!minVersion)
    fail(`tlsMinVersion is ${JSON.stringify(name)}, known here: ${Object.keys(versions).join(', ')}`);
  const ciphers = ciphersOf(given.cipherSuites ?? [], minVersion);
  const wanted = given.curvePreferences ?? [];
  const unknown = wanted.filter((number) => !Object.hasOwn(curves, number));
  if (unknown.length > 0) {
    fail(`tlsCurvePreferences has ${unknown.join(', ')}, known here: ${Object.keys(curves).join(', ')}`);
  }
  return {
    minVersion,
    ...(ciphers === undefined ? {} : { ciphers }),
    ...(wanted.length > 0 ? { curves: wanted.map((number) => curves[number]).join(':') } : {}),
  };
}

function ciphersOf(wanted: readonly string[], minVersion: TlsSettings['minVersion']): string | undefined {
  if (wanted.length === 0) return undefined;
  const isNew = (name: string): boolean => newSuites.some((one) => one === name);
  const unknown = wanted.filter((name) => !isNew(name) && !Object.hasOwn(suites, name));
  if (unknown.length > 0) fail(`tlsCipherSuites has ${unknown.join(', ')}, which cannot be had here`);
  const old = wanted.flatMap((name) => suites[name] ?? []);
  if (minVersion === 'TLSv1.3' && old.length > 0) {
    const names = wanted.filter((name) => !isNew(name)).join(', ');
    fail(`tlsCipherSuites has ${names}, which TLS 1.3 does not know, and tlsMinVersion is VersionTLS13`);
  }
  return [...newSuites, ...new Set(old)].join(':');
}

function fail(message: string): never {
  throw new CodedError('invalid-argument', message);
}
