/** Whether a file or folder with this state belongs to who runs the program, and nobody else may read or write it. */
export function isOursAlone({ uid, mode }: { uid: number; mode: number }): boolean {
  return uid === process.geteuid?.() && (mode & 0o077) === 0;
}
