/** Name of the file in `<root>/stasis` that tells local clients how to reach the daemon. */
export const clientFileName = 'client.json';

export interface ClientFile {
  /** `https://127.0.0.1:10250` */
  server: string;
  /** PEM of the one certificate that the daemon shows; nothing else is to be trusted. */
  certificate: string;
  token: string;
}
