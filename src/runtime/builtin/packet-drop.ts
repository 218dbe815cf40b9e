import { CodedError } from '../../errors/coded-error.ts';
import { runProgram } from './run-program.ts';

/**
 * Drops what TCP brings into a network namespace until {@link passPackets}; senders take it for loss and send
 * again. Nothing is dropped on its way out: there it would not count as sent, and a connection whose ends are
 * both inside could not be restored from that.
 * @param network File of the network namespace.
 * @param table Name of the nft table; each use has its own.
 * @throws CodedError `internal` where nft fails or is missing.
 */
export async function dropPackets(network: string, table: string): Promise<void> {
  await nft(network, ['-f', '-'], `${dropRules(table)}\n`);
}

/** The same in one line of nft's language. */
export function dropRules(table: string): string {
  const chain = 'type filter hook input priority -300; policy accept; meta l4proto tcp drop;';
  return `table inet ${table} { chain incoming { ${chain} }; }`;
}

/** A table that is not there is what is wanted. */
export async function passPackets(network: string, table: string): Promise<void> {
  await nft(network, ['delete', 'table', 'inet', table], '').catch(() => {});
}

async function nft(network: string, args: readonly string[], stdin: string): Promise<void> {
  const run = await runProgram('nsenter', [`--net=${network}`, 'nft', ...args], { stdin, timeoutMs: 10_000 });
  if (run.status !== 0) throw new CodedError('internal', `nft: ${run.stderr.trim()}`);
}
