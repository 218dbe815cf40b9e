/** Something that a person should know about a file. */
export interface Finding {
  severity: 'error' | 'warning' | 'info';
  /** For programs; does not change between releases. */
  code: string;
  message: string;
  /** What to do about it. */
  hint?: string;
  /** The kubelet does not start because of it, and prints this. */
  fatal?: string;
  /** The kubelet cannot restore its state because of it, and says so around these words. */
  unrestorable?: string;
  /** A reset of the file is what the change needs. */
  reset?: boolean;
}
