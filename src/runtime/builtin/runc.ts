import type { CriuOptions, RuntimeProgram } from './oci-runtime.ts';

/** runc (1.2 or newer): its arguments and the way it words failures. */
export const runc: RuntimeProgram = {
  name: 'runc',
  tcpClose: [],
  criuFlags(options: CriuOptions): string[] {
    return [
      ...(options.tcpEstablished ? ['--tcp-established'] : []),
      ...(options.fileLocks ? ['--file-locks'] : []),
      ...(options.extUnixSk ? ['--ext-unix-sk'] : []),
      ...(options.shellJob ? ['--shell-job'] : []),
    ];
  },
  /** runc logs `time="…" level=error msg="…"` with Go's quoting; the last error is the reason. */
  explain(stderr) {
    const found = [...stderr.matchAll(/level=(?:error|fatal) msg=("(?:[^"\\]|\\.)*"|\S+)/g)];
    const quoted = found.at(-1)?.[1];
    if (quoted === undefined) return stderr.trim().split('\n').at(-1) ?? '';
    return quoted.startsWith('"') ? unquote(quoted) : quoted;
  },
  parseVersion(stdout) {
    return /^runc version (\S+)/m.exec(stdout)?.[1];
  },
};

function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted.slice(1, -1);
  }
}
