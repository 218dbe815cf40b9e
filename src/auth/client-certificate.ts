import type { Authenticator } from './authenticator.ts';

/**
 * Who the client's certificate names: common name → user, organisations → groups, as Kubernetes reads them.
 * The TLS layer has verified chain, dates and purpose against the client CA; without a CA no certificate is
 * asked for, so nobody is known by one.
 */
export const clientCertificate: Authenticator = async ({ socket }) => {
  if (!socket?.authorized) return undefined;
  const { subject } = socket.getPeerCertificate();
  const name = first(subject?.CN);
  if (!name) return undefined;
  return { name, uid: '', groups: all(subject.O) };
};

function all(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return all(value)[0];
}
