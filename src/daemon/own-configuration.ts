import { CodedError } from '../errors/coded-error.ts';
import { whenBusy } from '../pods/container-checkpoints.ts';
import { parseQuantity } from '../pods/quantity.ts';
import { type Field, integer, object, oneOf } from '../pods/schema.ts';
import { parseDuration } from './duration.ts';

/** Settings that the kubelet does not have, from a document of our own in the configuration file. */
export interface OwnConfiguration {
  checkpoints?: {
    whenBusy?: (typeof whenBusy)[number];
    /** Bytes. */
    freeSpace?: number;
    perNode?: number;
    perUser?: number;
    ratePerNode?: number;
    ratePerUser?: number;
  };
  operations?: {
    most?: number;
    /** Seconds. */
    keep?: number;
  };
}

/** `apiVersion` and `kind` of the document. */
export const ownVersion = 'stasis/v1';
export const ownKind = 'DaemonConfiguration';

const quantity: Field<number> = (value, path, reading) =>
  (typeof value === 'string' || typeof value === 'number' ? parseQuantity(String(value)) : undefined) ??
  reading.refuse(path, 'is not a quantity such as 100Mi');

const duration: Field<number> = (value, path, reading) =>
  (typeof value === 'string' ? parseDuration(value) : undefined) ??
  reading.refuse(path, 'is not a duration such as 1h');

/** Most of anything that can be asked for. */
const most = 1_000_000;

export const ownConfiguration: Field<OwnConfiguration> = object(
  {
    apiVersion: oneOf(ownVersion),
    kind: oneOf(ownKind),
    checkpoints: object({
      whenBusy: oneOf(...whenBusy),
      freeSpace: quantity,
      perNode: integer(1, most),
      perUser: integer(1, most),
      ratePerNode: integer(0, most),
      ratePerUser: integer(0, most),
    }),
    operations: object({ most: integer(1, 10_000), keep: duration }),
  },
  ['apiVersion', 'kind'],
) as Field<OwnConfiguration>;

/** A number of a flag, from 0 or 1 on. @throws CodedError `invalid-argument` naming the flag */
export function countOf(text: string | undefined, flag: string, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new CodedError(
    'invalid-argument',
    `${flag} is ${JSON.stringify(text)}, not a whole number from ${least} to ${most}`,
  );
}
