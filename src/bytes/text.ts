const encoder = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lossy = new TextDecoder('utf-8', { ignoreBOM: true });

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** The text in `bytes`; what is not UTF-8 becomes U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  return lossy.decode(bytes);
}

/** The text in `bytes`, or undefined where they are not UTF-8. */
export function strictTextOf(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}
