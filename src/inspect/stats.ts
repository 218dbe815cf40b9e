import { type Checkpoint, readIfPresent } from '../checkpoint/checkpoint.ts';
import { memberNames } from '../checkpoint/layout.ts';
import { decodeImage } from '../criu/image.ts';
import { CodedError } from '../errors/coded-error.ts';
import type { StatsEntry } from '../gen/criu/inventory.ts';

/** CRIU's figures about a dump. Times in microseconds. */
export interface DumpStatistics {
  readonly freezingTime: number;
  readonly frozenTime: number;
  readonly memdumpTime: number;
  readonly memwriteTime: number;
  readonly pagesScanned: number;
  readonly pagesSkippedParent: number;
  /** Pages of private memory; shared ones are counted apart. */
  readonly pagesWritten: number;
  readonly pagesLazy: number;
  readonly irmapResolveTime?: number;
  readonly pagePipes?: number;
  readonly pagePipeBuffers?: number;
  readonly sharedPagesScanned?: number;
  readonly sharedPagesSkippedParent?: number;
  readonly sharedPagesWritten?: number;
}

/**
 * What CRIU measured while it dumped, or undefined where the checkpoint does not say.
 * @throws CodedError `corrupt`
 */
export async function dumpStatistics(checkpoint: Checkpoint): Promise<DumpStatistics | undefined> {
  const bytes = await readIfPresent(checkpoint, memberNames.statsDump);
  return bytes && statisticsOf(bytes);
}

/** The figures in a `stats-dump` image. @throws CodedError `corrupt` */
export function statisticsOf(bytes: Uint8Array): DumpStatistics {
  const image = decodeImage(bytes, memberNames.statsDump);
  if (image.kind.name !== 'STATS') {
    throw new CodedError('corrupt', `${memberNames.statsDump} holds ${image.kind.name}`);
  }
  const dump = (image.entries[0]?.message as StatsEntry | undefined)?.dump;
  if (!dump) throw new CodedError('corrupt', `${memberNames.statsDump} says nothing about a dump`);
  const some = <K extends string>(key: K, value: bigint | number | undefined) =>
    (value === undefined ? {} : { [key]: Number(value) }) as { [P in K]?: number };
  return {
    freezingTime: dump.freezing_time,
    frozenTime: dump.frozen_time,
    memdumpTime: dump.memdump_time,
    memwriteTime: dump.memwrite_time,
    pagesScanned: Number(dump.pages_scanned),
    pagesSkippedParent: Number(dump.pages_skipped_parent),
    pagesWritten: Number(dump.pages_written),
    pagesLazy: Number(dump.pages_lazy),
    ...some('irmapResolveTime', dump.irmap_resolve),
    ...some('pagePipes', dump.page_pipes),
    ...some('pagePipeBuffers', dump.page_pipe_bufs),
    ...some('sharedPagesScanned', dump.shpages_scanned),
    ...some('sharedPagesSkippedParent', dump.shpages_skipped_parent),
    ...some('sharedPagesWritten', dump.shpages_written),
  };
}
