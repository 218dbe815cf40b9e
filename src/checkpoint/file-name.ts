/**
 * `checkpoint-<pod>_<namespace>-<container>-<time>.tar`, the name that the kubelet gives to an archive. The
 * time is RFC 3339 in the node's zone with seconds, or with a fraction where we had to tell two apart. The name is not an identity: whether `a-b-c` is container
 * `b-c` of namespace `a` or `c` of `a-b` cannot be told from it alone.
 */
export interface CheckpointFileName {
  pod: string;
  namespace: string;
  container: string;
  /** RFC 3339, as it stands in the name. */
  time: string;
}

const suffix = '.tar';
const timePattern = /-(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2}))\.tar$/;

export function makeFileName({ pod, namespace, container, time }: CheckpointFileName): string {
  return `checkpoint-${pod}_${namespace}-${container}-${time}${suffix}`;
}

/** The start of all names of one container's checkpoints, up to the time. */
export function fileNamePrefix(pod: string, namespace: string, container: string): string {
  return `checkpoint-${pod}_${namespace}-${container}-`;
}

/**
 * Every reading of a file name, the shortest namespace first; none where it is no checkpoint's name. With
 * `prefix` as the only known part, compare with {@link fileNamePrefix} instead.
 */
export function parseFileName(name: string): CheckpointFileName[] {
  const match = timePattern.exec(name);
  const time = match?.[1];
  const underscore = name.indexOf('_');
  if (!match || time === undefined || !name.startsWith('checkpoint-') || underscore < 0) return [];
  const pod = name.slice('checkpoint-'.length, underscore);
  const rest = name.slice(underscore + 1, match.index);
  const readings: CheckpointFileName[] = [];
  for (
    let dash = rest.indexOf('-', 1);
    dash > 0 && dash < rest.length - 1;
    dash = rest.indexOf('-', dash + 1)
  ) {
    readings.push({ pod, namespace: rest.slice(0, dash), container: rest.slice(dash + 1), time });
  }
  return pod === '' ? [] : readings;
}

/**
 * The time as it stands in a file name: RFC 3339 with seconds, and with milliseconds where two archives of one
 * second have to be told apart.
 * @param milliseconds since 1970.
 * @param offsetMinutes how far the zone is ahead of UTC (what `Date#getTimezoneOffset` gives, negated).
 */
export function fileNameTime(milliseconds: number, offsetMinutes: number, precise = false): string {
  const local = new Date(milliseconds + offsetMinutes * 60_000).toISOString().slice(0, precise ? 23 : 19);
  if (offsetMinutes === 0) return `${local}Z`;
  const ahead = Math.abs(offsetMinutes);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(ahead / 60))}:${two(ahead % 60)}`;
}
