/** Whether the name, as `unixText` reads it, holds bytes that are not UTF-8. */
export function hasRawBytes(name: string): boolean {
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) return true;
  }
  return false;
}

/** The name by which a member is asked for: without leading `./` and without the `/` at the end of a folder. */
export function plainName(name: string): string {
  let start = 0;
  while (name.startsWith('./', start)) {
    start += 2;
    while (name[start] === '/') start++;
  }
  let end = name.length;
  while (end > start && name[end - 1] === '/') end--;
  const plain = name.slice(start, end);
  return plain === '.' ? '' : plain;
}

/**
 * What makes `name` unfit to become a path below a folder, in words for a message; undefined when it is fit.
 * Judge the name as it stands in the archive, not the plain one.
 */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'an empty name';
  if (name.startsWith('/')) return 'an absolute name';
  if (name.includes('\0')) return 'a NUL in its name';
  if (name.includes('\\')) return 'a backslash in its name';
  if (name.split('/').includes('..')) return "'..' in its name";
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return 'control characters in its name';
  return undefined;
}
