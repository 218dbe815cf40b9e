/** A registry with one image in it, for engines that ask for one over the network even where they have it. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface Registry {
  /** `localhost:PORT`, which engines talk to without TLS. */
  host: string;
  /** Serves the OCI layout in the folder under every name and tag. */
  serve(layout: string): void;
  close(): Promise<void>;
}

/** Starts a registry that is only read. */
export async function startRegistry(): Promise<Registry> {
  let layout = '';
  const blob = (hex: string): Buffer | undefined =>
    readdirSync(join(layout, 'blobs/sha256')).includes(hex)
      ? readFileSync(join(layout, 'blobs/sha256', hex))
      : undefined;
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (path === '/v2/') return void response.writeHead(200).end();
    const [, kind, reference] = /^\/v2\/.+\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    const tagged = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests[0];
    const digest = reference?.startsWith('sha256:') ? reference : tagged.digest;
    const content = kind === undefined ? undefined : blob(digest.slice('sha256:'.length));
    if (content === undefined) return void response.writeHead(404).end();
    const type = kind === 'manifests' ? tagged.mediaType : 'application/octet-stream';
    response.writeHead(200, {
      'content-type': type,
      'content-length': content.length,
      'docker-content-digest': digest,
    });
    response.end(request.method === 'HEAD' ? undefined : content);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    host: `localhost:${(server.address() as AddressInfo).port}`,
    serve(folder) {
      layout = folder;
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
