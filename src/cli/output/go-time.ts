const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * An RFC 3339 time as Go's RFC822 layout has it, `21 Nov 26 00:33 UTC`, in the offset in which it was written.
 * Go's zero time stands for none.
 */
export function rfc822(time: string | undefined): string {
  const parts = /^(\d{2})(\d{2})-(\d{2})-(\d{2})T(\d{2}:\d{2}):\d{2}(?:\.\d+)?(Z|[+-]\d{2}:\d{2})$/.exec(
    time ?? '',
  );
  if (!parts) return '01 Jan 01 00:00 UTC';
  const [, , year, month, day, clock, zone = 'Z'] = parts;
  const name = zone === 'Z' || zone === '+00:00' ? 'UTC' : zone.replace(':', '');
  return `${day} ${months[Number(month) - 1]} ${year} ${clock} ${name}`;
}

/** Local time as Go's log package writes it: `2026/11/21 03:04:05`. */
export function logTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${time.getFullYear()}/${two(time.getMonth() + 1)}/${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}
