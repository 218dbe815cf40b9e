/** Bytes as checkpointctl shows them: `12 B`, `729.9 KiB`. */
export function byteText(bytes: number | bigint): string {
  let value = Number(bytes);
  if (value < 1024) return `${value} B`;
  let unit = -1;
  while (value >= 1024 && unit < 5) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1)} ${'KMGTPE'[unit]}iB`;
}

/** Bytes of socket buffers as checkpointctl shows them: `16.0 KB`, with steps of 1024. */
export function bufferText(bytes: number): string {
  return byteText(bytes).replace('iB', 'B');
}

/** Microseconds as checkpointctl shows them: `774 µs`, `86.452 ms`, five digits at most. */
export function durationText(microseconds: number): string {
  if (microseconds < 1000) return `${microseconds} µs`;
  const [value, unit] = microseconds < 1e6 ? [microseconds / 1e3, 'ms'] : [microseconds / 1e6, 's'];
  const digits = value.toPrecision(5);
  return `${digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits} ${unit}`;
}
