import type { CriuOptions, RuntimeProgram } from './oci-runtime.ts';

/** crun: its arguments and the way it words failures. */
export const crun: RuntimeProgram = {
  name: 'crun',
  tcpClose: ['--tcp-close'],
  criuFlags(options: CriuOptions): string[] {
    return [
      ...(options.tcpEstablished ? ['--tcp-established'] : []),
      ...(options.fileLocks ? ['--file-locks'] : []),
      ...(options.extUnixSk ? ['--ext-unix-sk'] : []),
      ...(options.shellJob ? ['--shell-job'] : []),
    ];
  },
  /**
   * crun quotes an excerpt of CRIU's log between two marks and ends with its own sentence. The excerpt starts
   * with an error that means nothing; the log itself is explained elsewhere.
   */
  explain(stderr) {
    const own = stderr.replace(/^--- excerpt from CRIU log[\s\S]*?^--- end of excerpt$/m, '');
    const lines = own.split('\n').map((line) => line.replace(/^\S+ \[?error\]?:? ?/i, '').trim());
    return lines.filter((line) => line !== '').at(-1) ?? '';
  },
  parseVersion(stdout) {
    return /^crun version (\S+)/m.exec(stdout)?.[1];
  },
};
