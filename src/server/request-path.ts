/** Longest request target that is looked at, in characters. */
export const maximumTarget = 8192;

export interface RequestTarget {
  /** Percent-decoded, as Go's `URL.Path`. */
  path: string;
  /** As it came, without the question mark. */
  query: string;
}

/** Takes the target of a request line apart; undefined where it is no path or not decodable. */
export function parseTarget(target: string): RequestTarget | undefined {
  const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? '';
  const rest = target.slice(origin.length);
  const [raw = '', ...query] = rest.split('?');
  if (!raw.startsWith('/')) return undefined;
  try {
    return { path: decodeURIComponent(raw), query: query.join('?') };
  } catch {
    return undefined;
  }
}

/**
 * Whether each segment of the target means what it says after decoding: no encoded slash, no dots that a
 * router could resolve, no empty segment. Only such paths reach our own routes, so that what was authorized
 * and what is routed cannot differ.
 */
export function isCanonical(target: string): boolean {
  const raw = target.split('?')[0] ?? '';
  if (!raw.startsWith('/')) return false;
  return raw
    .slice(1)
    .split('/')
    .every((segment) => {
      const plain = decodeURIComponent(segment);
      return plain !== '' && plain !== '.' && plain !== '..' && !/[/\\\0]/.test(plain);
    });
}
