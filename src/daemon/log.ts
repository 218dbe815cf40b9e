import type { Log } from '../pods/node-pods.ts';

/** One JSON object for each line: time, level, message, and what belongs to it. */
export function jsonLog(write: (line: string) => void): Log {
  return (level, message, fields = {}) => {
    write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
  };
}
