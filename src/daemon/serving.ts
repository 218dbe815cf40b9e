import { CodedError, messageOf } from '../errors/coded-error.ts';
import type { Log } from '../pods/node-pods.ts';
import type { createApp } from '../server/app.ts';
import { listen } from '../server/https-server.ts';
import type { Streams } from '../server/streams.ts';
import type { Settings } from './settings.ts';
import { readTls, selfSignedFiles, type TlsFiles, watchFiles } from './tls-files.ts';

/** Milliseconds that requests get to end when we stop. */
const closeTime = 10_000;

/** Serves the application over TLS, with certificates that are read again when they change. */
export async function serve(
  settings: Settings,
  app: ReturnType<typeof createApp>,
  streams: Streams,
  log: Log,
) {
  const { rootDirectory, nodeName, clientCaFile } = settings;
  const own = settings.tls ?? (await selfSignedFiles(rootDirectory, nodeName, log));
  const files: TlsFiles = { ...own, clientCaFile };
  const tls = await readTls(files);
  const { address, port, tlsOptions } = settings;
  const upgrade = streams.upgrade.bind(streams);
  const server = await listen(app, { address, port, tls, tlsOptions, upgrade }).catch((error: unknown) => {
    throw new CodedError(
      'unavailable',
      `listening on ${settings.address} port ${settings.port}: ${messageOf(error)}`,
    );
  });
  const watched = [own.certificateFile, own.keyFile, ...(clientCaFile ? [clientCaFile] : [])];
  const unwatch = watchFiles(watched, () => {
    readTls(files)
      .then((changed) => {
        server.replaceTls(changed);
        log('info', 'the certificate was replaced');
      })
      .catch((error: unknown) => log('error', `the certificate stays as it was: ${messageOf(error)}`));
  });
  return {
    port: server.port,
    certificate: tls.certificate,
    async close() {
      unwatch();
      await server.close(closeTime);
    },
  };
}

/** An address by which this machine reaches a server that listens on `address`. */
export function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return address.includes(':') ? `[${address}]` : address;
}
