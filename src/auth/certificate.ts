import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { addressBytes, der, integer, octets, oid, pem, sequence, set, time } from './der.ts';

/** A certificate with its key; both in PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

/** What can sign further certificates. */
export interface Issuer extends KeyPair {
  subject: Buffer;
  privateKey: KeyObject;
}

export interface CertificateOptions {
  /** Common name. */
  name: string;
  organisations?: readonly string[];
  /** Host names and IP addresses that a server's certificate is good for. */
  hosts?: readonly string[];
  /** What it proves: a server, a client, or both a server and the root of its own trust. */
  use: 'server' | 'client' | 'ca';
  notBefore: Date;
  notAfter: Date;
  /** Who signs; itself where left out. */
  issuer?: Issuer;
}

/** A new P-256 key and an X.509 v3 certificate for it. */
export function makeCertificate(options: CertificateOptions): Issuer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
  const subject = sequence(
    ...(options.organisations ?? []).map((text) => attribute('2.5.4.10', text)),
    attribute('2.5.4.3', options.name),
  );
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(serialNumber()),
    ecdsaWithSha256,
    options.issuer?.subject ?? subject,
    sequence(time(options.notBefore), time(options.notAfter)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions(options))),
  );
  const signature = sign('sha256', body, options.issuer?.privateKey ?? privateKey);
  return {
    certificate: pem(
      'CERTIFICATE',
      sequence(body, ecdsaWithSha256, der(0x03, Buffer.concat([Buffer.from([0]), signature]))),
    ),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    subject,
    privateKey,
  };
}

/** A certificate for a server that signs itself, so that a client can be told to trust exactly this one. */
export function selfSigned(options: Omit<CertificateOptions, 'use' | 'issuer'>): KeyPair {
  return makeCertificate({ ...options, use: 'ca' });
}

function extensions({ use, hosts = [] }: CertificateOptions): Buffer[] {
  const critical = der(0x01, Buffer.from([0xff]));
  const extension = (id: string, value: Buffer, ...flags: Buffer[]) =>
    sequence(oid(id), ...flags, octets(value));
  const isAuthority = use === 'ca';
  const list = [
    // basicConstraints; keyUsage: digitalSignature, and keyCertSign for an authority.
    extension('2.5.29.19', isAuthority ? sequence(critical) : sequence(), critical),
    extension('2.5.29.15', der(0x03, Buffer.from(isAuthority ? [2, 0x84] : [7, 0x80])), critical),
  ];
  const serverAuth = oid('1.3.6.1.5.5.7.3.1');
  const clientAuth = oid('1.3.6.1.5.5.7.3.2');
  // A pure authority has no purpose of its own; one with hosts is also the server.
  if (use === 'client') list.push(extension('2.5.29.37', sequence(clientAuth)));
  else if (hosts.length > 0) list.push(extension('2.5.29.37', sequence(serverAuth)));
  if (hosts.length > 0) list.push(extension('2.5.29.17', sequence(...hosts.map(alternativeName))));
  return list;
}

function alternativeName(host: string): Buffer {
  return isIP(host) ? der(0x87, addressBytes(host)) : der(0x82, Buffer.from(host, 'latin1'));
}

function attribute(id: string, text: string): Buffer {
  return set(sequence(oid(id), der(0x0c, Buffer.from(text))));
}

/** 128 random bits, positive and without a leading zero byte, as the encoding wants it. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}
