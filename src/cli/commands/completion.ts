import { type Command, defineCommand } from '../command.ts';
import type { Shell } from '../completion-scripts.ts';

const where: Readonly<Record<Shell, string>> = {
  bash: 'bash: source <(PROGRAM completion bash), or into /usr/share/bash-completion/completions/PROGRAM',
  zsh: 'zsh: into a file named _PROGRAM in a folder of $fpath',
  fish: 'fish: PROGRAM completion fish | source, or into ~/.config/fish/completions/PROGRAM.fish',
  powershell: 'PowerShell: PROGRAM completion powershell | Out-String | Invoke-Expression',
};

function forShell(shell: Shell): Command {
  return defineCommand({
    name: shell,
    short: `Generate the autocompletion script for ${shell}`,
    long: `Generate the autocompletion script for ${shell}.\n\nTo use it, in ${where[shell].replaceAll('PROGRAM', 'stasis')}.`,
    examples: [`completion ${shell}`],
    flags: { 'no-descriptions': { kind: 'bool', usage: 'disable completion descriptions' } },
    args: { max: 0 },
    complete: 'none',
    compatible: true,
    async run({ flags, console }) {
      const { completionScript } = await import('../completion-scripts.ts');
      console.out.write(completionScript(shell, console.program, !flags['no-descriptions']));
    },
  });
}

export const completion = defineCommand({
  name: 'completion',
  short: 'Generate the autocompletion script for the specified shell',
  long: `Generate the autocompletion script for the specified shell.
See each sub-command's help for details on how to use the generated script.`,
  args: {},
  compatible: true,
  commands: {
    bash: async () => forShell('bash'),
    fish: async () => forShell('fish'),
    powershell: async () => forShell('powershell'),
    zsh: async () => forShell('zsh'),
  },
});
