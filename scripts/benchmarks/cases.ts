import { type Archives, needle } from './archives.ts';
import type { Contestant } from './measure.ts';

/** Something done by several programs; the first is ours. */
export interface Case {
  work: string;
  contestants: readonly Contestant[];
  target?: Target;
}

/** What was promised of our median. */
export interface Target {
  /** At most `times` that of another contestant. */
  than?: string;
  times?: number;
  /** We hold at most so many MiB. */
  resident?: number;
  milliseconds?: number;
}

const ours = (...args: string[]): Contestant => ({ name: 'stasis', command: ['dist/stasis', ...args] });
const peer = (...args: string[]): Contestant => ({
  name: 'checkpointctl',
  command: ['/usr/bin/checkpointctl', ...args],
});

/** Looking into one archive. */
function looking({ mib, tar, gz, zst }: Archives): Case[] {
  const small = { than: 'checkpointctl', times: 2.5 };
  const large = { than: 'checkpointctl', times: 0.1, resident: 120 };
  const plain = mib >= 1024 ? { target: large } : mib <= 1 ? { target: small } : {};
  const bare = {
    gz: { name: 'gzip', command: ['gzip', '-dc', gz] },
    zst: { name: 'zstd', command: ['zstd', '-dcq', zst] },
  };
  const packed = (than: string): Pick<Case, 'target'> =>
    mib >= 100 ? { target: { than, times: 1.3 } } : { target: small };
  const inspect = ['inspect', '--ps-tree-cmd'];
  return [
    { work: `show ${mib} MiB tar`, contestants: [ours('show', tar), peer('show', tar)], ...plain },
    { work: `inspect ${mib} MiB tar`, contestants: [ours(...inspect, tar), peer(...inspect, tar)], ...plain },
    {
      work: `show ${mib} MiB gzip`,
      contestants: [ours('show', gz), peer('show', gz), bare.gz],
      ...packed('gzip'),
    },
    {
      work: `inspect ${mib} MiB gzip`,
      contestants: [ours(...inspect, gz), peer(...inspect, gz), bare.gz],
      ...packed('gzip'),
    },
    {
      work: `show ${mib} MiB zstd`,
      contestants: [ours('show', zst), peer('show', zst), bare.zst],
      ...packed('zstd'),
    },
    {
      work: `inspect ${mib} MiB zstd`,
      contestants: [ours(...inspect, zst), peer(...inspect, zst), bare.zst],
      ...packed('zstd'),
    },
  ];
}

/** A literal, over all of memory: a gigabyte and more each second. */
function searching({ mib, tar }: Archives): Case {
  return {
    work: `search ${mib} MiB tar`,
    contestants: [
      ours('search', tar, needle),
      peer('memparse', '--pid=1', `--search=${needle}`, tar),
      { name: 'grep', command: ['grep', '-a', '-c', needle, tar] },
    ],
    target: { milliseconds: (mib * 2 ** 20) / 1e6 },
  };
}

/** Reading every archive, and taking what an earlier run remembered of them. */
function listing(folder: string): Case[] {
  return [
    {
      work: 'list 1,000 archives',
      contestants: [ours('list', '--no-index', folder), peer('list', folder)],
      target: { milliseconds: 1000 },
    },
    { work: 'list 1,000 again', contestants: [ours('list', folder)], target: { milliseconds: 200 } },
  ];
}

export function casesFor(sizes: readonly Archives[], many: string): Case[] {
  return [
    ...sizes.flatMap(looking),
    ...sizes.filter(({ mib }) => mib >= 100).map(searching),
    ...listing(many),
  ];
}
