/**
 * Names of images. A plain name is completed as everywhere: `busybox` is `docker.io/library/busybox:latest`.
 */

const transports = ['oci', 'oci-archive', 'docker-archive', 'rootdir'] as const;
export type Transport = (typeof transports)[number];

/** A place on this machine that an image is taken from. */
export interface LocalImage {
  transport: Transport;
  path: string;
}

/** The place in `oci:/path`, `oci-archive:/path`, `docker-archive:/path` or `rootdir:/path`. */
export function parseLocalImage(reference: string): LocalImage | undefined {
  const colon = reference.indexOf(':');
  const transport = transports.find((each) => each === reference.slice(0, Math.max(colon, 0)));
  const path = reference.slice(colon + 1);
  return transport !== undefined && path.startsWith('/') ? { transport, path } : undefined;
}

export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** The full name: registry, repository, and tag or digest; undefined where it cannot be a name. */
export function fullName(reference: string): string | undefined {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,511}$/.test(reference)) return undefined;
  const [named = '', digest] = reference.split('@', 2);
  const first = named.split('/', 1)[0] ?? '';
  // A first part with a dot or a port, or `localhost`, is a registry.
  const hasRegistry = named.includes('/') && (/[.:]/.test(first) || first === 'localhost');
  const full = hasRegistry ? named : `docker.io/${named.includes('/') ? '' : 'library/'}${named}`;
  if (digest !== undefined) return isDigest(digest) ? `${withoutTag(full)}@${digest}` : undefined;
  return withoutTag(full) === full ? `${full}:latest` : full;
}

export function withoutTag(name: string): string {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}
