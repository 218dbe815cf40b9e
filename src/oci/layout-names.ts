/** The file that marks an image layout, and the one that lists its images. */
export const layoutFile = 'oci-layout';
export const indexFile = 'index.json';

/** Lists the images of an archive as `docker save` writes it. */
export const dockerManifestFile = 'manifest.json';

/** What the names of all blobs begin with. */
export const blobsFolder = 'blobs/';

/** The name of a blob in a layout. */
export function blobName(digest: string): string {
  return `${blobsFolder}${digest.replace(':', '/')}`;
}
