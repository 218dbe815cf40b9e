/** What CRIU has kept of connections, for tests that ask whether archives fit together. */
import { basename } from 'node:path';
import { decodeImage } from '../src/criu/image.ts';
import type { TcpStreamEntry } from '../src/gen/criu/sockets.ts';
import { openCheckpoint } from '../src/localfs/open-checkpoint.ts';

/** Every connection in an archive. */
export async function tcpStreams(archive: string): Promise<TcpStreamEntry[]> {
  const checkpoint = await openCheckpoint(archive);
  try {
    const found: TcpStreamEntry[] = [];
    for (const { name } of (await checkpoint.members()).files) {
      if (!name.includes('tcp-stream-')) continue;
      const content = await checkpoint.open(name);
      const image = decodeImage(await content.read(0, content.size), basename(name));
      for (const { message } of image.entries) found.push(message as TcpStreamEntry);
    }
    return found;
  } finally {
    await checkpoint.close();
  }
}

/**
 * Whether two ends of one connection are of the same moment: what one has received lies between what the other
 * has had confirmed and what it has written.
 */
export function fitTogether(a: TcpStreamEntry, b: TcpStreamEntry): boolean {
  return hasReceived(a, b) && hasReceived(b, a);
}

function hasReceived(from: TcpStreamEntry, to: TcpStreamEntry): boolean {
  const ahead = (from.outq_seq - to.inq_seq) >>> 0;
  return ahead <= from.outq_len;
}
