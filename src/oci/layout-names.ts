/** The file that marks an image layout, and the one that lists its images. */
export const layoutFile = 'oci-layout';
export const indexFile = 'index.json';

/** The name of a blob in a layout. */
export function blobName(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}
