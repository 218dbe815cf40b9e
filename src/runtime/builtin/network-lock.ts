import { NftSession } from './nft-session.ts';
import { dropRules, passPackets } from './packet-drop.ts';
import { runProgram } from './run-program.ts';

/** The mark on CRIU's own packets: rules that carry it are CRIU's. */
const mark = '0xc114';
const chain = 'CRIU';
/** Our own lock. */
const table = 'stasis_lock';

/** Keeps a pod's connections still while its frozen containers are captured. */
export interface NetworkLock {
  /** @returns false where CRIU has to do it. */
  lock(): Promise<boolean>;
  /** What was locked must be unlocked. */
  unlock(): Promise<void>;
  close(): void;
}

/**
 * Gets a lock ready before anything stands still. CRIU can lock itself, and does on the node's network and where
 * nft is missing; but then for every container anew, in several times the time, and in a way that leaves what the
 * pod's other containers send meanwhile unsent.
 * @param network File of the network namespace; empty for the node's.
 * @returns undefined where CRIU has to do it.
 */
export async function readyNetworkLock(network: string): Promise<NetworkLock | undefined> {
  if (network === '') return undefined;
  const nft = new NftSession(network);
  try {
    await nft.run('');
  } catch {
    nft.close();
    return undefined;
  }
  return {
    lock: () =>
      nft.run(dropRules(table)).then(
        () => true,
        () => false,
      ),
    unlock: () => nft.run(`delete table inet ${table}`).catch(() => passPackets(network, table)),
    close: () => nft.close(),
  };
}

/**
 * Takes away the rules with which CRIU holds packets back while it saves connections. It does so itself, unless
 * it is killed: then every packet of the pod is dropped for good, so whoever kills it must call this.
 * Our own lock stays: see {@link unlockNetwork}.
 * @param network File of the network namespace; empty for our own.
 */
export async function releaseNetworkLock(network: string): Promise<void> {
  for (const program of ['iptables', 'ip6tables']) {
    const rules = await run(network, `${program}-save`, ['-t', 'filter']);
    for (const rule of rules.split('\n')) {
      if (!isLock(rule)) continue;
      await run(network, program, ['-D', ...rule.slice('-A '.length).split(' ')]);
    }
    if (!rules.includes(`:${chain} `)) continue;
    await run(network, program, ['-F', chain]);
    await run(network, program, ['-X', chain]);
  }
  const tables = await run(network, 'nft', ['list', 'tables']);
  for (const [, name = ''] of tables.matchAll(/^table inet (CRIU-\d+)$/gm)) {
    await run(network, 'nft', ['delete', 'table', 'inet', name]);
  }
}

/** Takes away whatever a process that was killed has locked, with CRIU or without. */
export async function unlockNetwork(network: string): Promise<void> {
  if (network !== '') await passPackets(network, table);
  await releaseNetworkLock(network);
}

function isLock(rule: string): boolean {
  if (!rule.startsWith('-A ') || rule.startsWith(`-A ${chain} `)) return false;
  return rule.endsWith(`-j ${chain}`) || rule.includes(mark);
}

/** Output of a program inside the namespace; empty where it fails, for what is not installed has locked nothing. */
async function run(network: string, program: string, args: readonly string[]): Promise<string> {
  const enter = network === '' ? [] : ['nsenter', `--net=${network}`];
  const [file = '', ...rest] = [...enter, program, ...args];
  try {
    const result = await runProgram(file, rest, { timeoutMs: 10_000 });
    return result.status === 0 ? result.stdout : '';
  } catch {
    return '';
  }
}
