import { X509Certificate } from 'node:crypto';
import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { selfSigned } from '../auth/certificate.ts';
import { CodedError, messageOf } from '../errors/coded-error.ts';
import { privateFile, writeFileAtomic } from '../localfs/atomic-file.ts';
import { makeDirectories } from '../localfs/make-directories.ts';
import type { Log } from '../pods/node-pods.ts';
import type { TlsMaterial } from '../server/https-server.ts';

export interface TlsFiles {
  certificateFile: string;
  keyFile: string;
  clientCaFile: string | undefined;
}

const day = 86_400_000;

/**
 * The files of a certificate that signs itself, below `<root>/pki` under the kubelet's names; made where they
 * are missing or have run out.
 */
export async function selfSignedFiles(
  rootDirectory: string,
  nodeName: string,
  log: Log,
): Promise<Omit<TlsFiles, 'clientCaFile'>> {
  const folder = join(rootDirectory, 'pki');
  const files = { certificateFile: join(folder, 'kubelet.crt'), keyFile: join(folder, 'kubelet.key') };
  const present = await readFile(files.certificateFile, 'utf8').catch(() => undefined);
  const key = await readFile(files.keyFile, 'utf8').catch(() => undefined);
  if (present !== undefined && key !== undefined) {
    if (new X509Certificate(present).validToDate.getTime() > Date.now()) return files;
    log('warn', `the certificate in ${files.certificateFile} has run out, it is made anew`);
  }
  const now = Date.now();
  const made = selfSigned({
    name: `${nodeName}@${Math.floor(now / 1000)}`,
    hosts: [...new Set([nodeName, 'localhost', ...addresses()])],
    notBefore: new Date(now - day / 24),
    notAfter: new Date(now + 365 * day),
  });
  await makeDirectories(folder, 0o755);
  await writeFileAtomic(files.keyFile, new TextEncoder().encode(made.key), privateFile);
  await writeFileAtomic(files.certificateFile, new TextEncoder().encode(made.certificate), 0o644);
  log('info', `made a certificate that signs itself: ${files.certificateFile}`);
  return files;
}

/** @throws CodedError `invalid-argument` naming the file that cannot be read */
export async function readTls({ certificateFile, keyFile, clientCaFile }: TlsFiles): Promise<TlsMaterial> {
  const read = async (file: string, what: string) =>
    readFile(file, 'utf8').catch((error: unknown) => {
      throw new CodedError('invalid-argument', `reading the ${what} from ${file}: ${messageOf(error)}`);
    });
  const certificate = await read(certificateFile, 'certificate');
  const key = await read(keyFile, 'key');
  const clientCa = clientCaFile === undefined ? undefined : await read(clientCaFile, 'client authorities');
  return { certificate, key, ...(clientCa === undefined ? {} : { clientCa }) };
}

/** Calls `changed` when one of the files has been replaced, until the returned function is called. */
export function watchFiles(files: readonly string[], changed: () => void): () => void {
  for (const file of files) watchFile(file, { interval: 2_000, persistent: false }, changed);
  return () => {
    for (const file of files) unwatchFile(file, changed);
  };
}

function addresses(): string[] {
  const found = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return ['127.0.0.1', '::1', ...found.map(({ address }) => address.replace(/%.*$/, ''))];
}
