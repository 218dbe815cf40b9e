import { defineCommand } from '../command.ts';

/** Carried out by the dispatcher, which alone knows every command; written down here to be listed. */
export const help = defineCommand({
  name: 'help',
  operands: '[command]',
  short: 'Help about any command',
  long: 'Help provides help for any command in the application. Type help and the path to a command for full details.',
  examples: ['help inspect', 'help plugin list'],
  args: {},
  compatible: true,
});
