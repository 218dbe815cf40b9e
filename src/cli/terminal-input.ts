import { channelMessage, channels, terminalSizeMessage } from '../api/stream-channels.ts';
import type { WebSocket } from '../stream/web-socket.ts';

/** Bytes of one message. */
const pieceSize = 32 << 10;

/** What is typed goes to the command as it is, control characters too; it learns how large the terminal is. */
export function enterTerminal(web: WebSocket): () => void {
  const { stdin, stdout } = process;
  const tell = () => {
    if (stdout.columns && stdout.rows) {
      void web.send(terminalSizeMessage({ columns: stdout.columns, rows: stdout.rows }));
    }
  };
  stdin.setRawMode(true);
  stdout.on('resize', tell);
  tell();
  return () => {
    stdout.off('resize', tell);
    stdin.setRawMode(false);
  };
}

/** Standard input, to its end. */
export async function sendInput(web: WebSocket): Promise<void> {
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    for (let at = 0; at < piece.length; at += pieceSize) {
      await web.send(channelMessage(channels.stdin, piece.subarray(at, at + pieceSize)));
    }
  }
  // Version 4 has no way to say that the input has ended.
  if (web.protocol.startsWith('v5.'))
    await web.send(channelMessage(channels.close, new Uint8Array([channels.stdin])));
}
