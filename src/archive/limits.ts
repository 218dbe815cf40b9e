import { CodedError } from '../errors/coded-error.ts';

/**
 * What a reader of archives is prepared to accept. Every figure is checked before memory is taken for what it
 * bounds. `flag` is the command-line flag that raises it; everything that takes limits derives from this table.
 */
export const limitTable = {
  members: {
    value: 250_000,
    flag: 'max-members',
    what: 'members in one archive',
  },
  nameBytes: {
    value: 4096,
    flag: 'max-name-length',
    what: 'bytes in the name of a member',
  },
  headerBytes: {
    value: 1 << 20,
    flag: 'max-header-size',
    what: 'bytes in one extended header',
  },
  indexBytes: {
    value: 64 << 20,
    flag: 'max-index-size',
    what: 'bytes of names and extended headers in one archive',
  },
  sparseSegments: {
    value: 100_000,
    flag: 'max-sparse-segments',
    what: 'segments in the map of a sparse member',
  },
  metadataBytes: {
    value: 64 << 20,
    flag: 'max-metadata-size',
    what: 'bytes of a member that is read into memory whole',
  },
  keptBytes: {
    value: 256 << 20,
    flag: 'max-kept-size',
    what: 'bytes of a compressed archive kept in memory',
  },
  imageEntries: {
    value: 250_000,
    flag: 'max-image-entries',
    what: "entries of one of CRIU's images that are decoded at once",
  },
  totalBytes: {
    value: 2 ** 38,
    flag: 'max-total-size',
    what: 'bytes of content after decompression',
  },
} as const;

export type ArchiveLimit = keyof typeof limitTable;

export type ArchiveLimits = Readonly<Record<ArchiveLimit, number>>;

export const defaultLimits: ArchiveLimits = resolveLimits();

/**
 * The limits to work with: the defaults, and what `raised` says instead.
 * @throws CodedError `invalid-argument` when a limit is not a positive whole number.
 */
export function resolveLimits(raised: Partial<ArchiveLimits> = {}): ArchiveLimits {
  const limits: Record<string, number> = {};
  for (const [name, { value, flag }] of Object.entries(limitTable)) {
    const limit = raised[name as ArchiveLimit] ?? value;
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new CodedError('invalid-argument', `--${flag} must be a positive whole number, not ${limit}`);
    }
    limits[name] = limit;
  }
  return limits as ArchiveLimits;
}

/** @throws CodedError `resource-exhausted` when `found` is above the limit; `where` says in what. */
export function checkLimit(limits: ArchiveLimits, name: ArchiveLimit, found: number, where: string): void {
  if (found <= limits[name]) return;
  const { flag, what } = limitTable[name];
  throw new CodedError('resource-exhausted', `${where}: ${found} ${what}, the limit is ${limits[name]}`, {
    data: { limit: name, found, allowed: limits[name] },
    hint: `if the archive can be trusted, raise the limit with --${flag}`,
  });
}
