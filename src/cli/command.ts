import type { ErrorCode } from '../errors/code.ts';
import { CodedError, type ErrorData } from '../errors/coded-error.ts';
import type { Console } from './console.ts';

/** What a flag takes. A word in back quotes in `usage` stands for the value in help texts. */
export type FlagSpec = FlagBase &
  (
    | { kind: 'bool' }
    | { kind: 'string'; default?: string; values?: readonly string[]; complete?: Completion }
    /** One of `values`; the first is the default unless another is named. */
    | { kind: 'enum'; values: readonly string[]; default?: string }
    | { kind: 'uint32' | 'int' | 'int64' | 'float64'; default?: number }
    /** May be given many times. */
    | { kind: 'stringArray'; values?: readonly string[]; complete?: Completion }
  );

interface FlagBase {
  usage: string;
  /** One letter. */
  short?: string;
  hidden?: boolean;
}

export type Flags = Readonly<Record<string, FlagSpec>>;

/** The values of a command's flags under their names; what was not given has its default. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: ValueOf<F[K]> };

type ValueOf<S extends FlagSpec> = S extends { kind: 'bool' }
  ? boolean
  : S extends { kind: 'enum'; values: readonly (infer V)[] }
    ? V
    : S extends { kind: 'stringArray' }
      ? readonly string[]
      : S extends { kind: 'string' }
        ? string
        : number;

/** What the shell offers for an argument or a value. */
export type Completion =
  | 'files'
  | 'directories'
  | 'none'
  | readonly string[]
  | ((soFar: readonly string[]) => Promise<readonly string[]>);

/** How many arguments a command takes, flags apart. */
export interface ArgumentCount {
  min?: number;
  max?: number;
}

export interface Invocation<F extends Flags> {
  flags: FlagValues<F>;
  /** Names of the flags that were given. */
  given: ReadonlySet<string>;
  args: readonly string[];
  console: Console;
}

/** One command, or a group of commands. Help, completion, manual and reference derive from it. */
export interface Command {
  name: string;
  /** What follows the flags in the usage line: `FILE...`. */
  operands?: string;
  /** One line, without a full stop. */
  short: string;
  long?: string;
  /** Command lines, without the program's name in front; `# ` starts a comment line. */
  examples?: readonly string[];
  flags: Flags;
  args: ArgumentCount;
  complete?: Completion;
  /** Commands of a group by name. */
  commands?: CommandTable;
  /**
   * The commands that checkpointctl has, where every failure ends with status 1. The others end with 2 when
   * they are called wrongly, and a failure with what its error code says.
   */
  compatible?: boolean;
  /** Exit status of a failure where 1 means something else. */
  failureStatus?: number;
  hidden?: boolean;
  /** The command opens archives: it takes the flags that raise their limits. */
  readsArchives?: boolean;
  /** Everything after the name is an argument, flags included. */
  rawArguments?: boolean;
  /** Exit status; nothing means 0. Absent in a group. */
  run?(invocation: Invocation<Flags>): Promise<number | undefined>;
}

/** How to get at each command; nothing of a command is loaded before it is needed. */
export type CommandTable = Readonly<Record<string, () => Promise<Command>>>;

type Definition<F extends Flags> = Omit<Command, 'flags' | 'run' | 'args'> & {
  flags?: F;
  args?: ArgumentCount;
  // A function type of its own, so that a command may return a promise of nothing.
  run?: (invocation: Invocation<F>) => Promise<number | undefined> | Promise<void>;
};

/** Writes a command down, with the types of its flags worked out for `run`. Without `args` it takes none. */
export function defineCommand<const F extends Flags>(definition: Definition<F>): Command {
  const { run, ...rest } = definition;
  const command: Command = { ...rest, flags: rest.flags ?? {}, args: rest.args ?? { max: 0 } };
  if (!run) return command;
  // The parser fills the values from these very flags, so they have the types that `run` expects.
  const invoke = async (invocation: Invocation<Flags>) =>
    (await run(invocation as unknown as Invocation<F>)) ?? undefined;
  return { ...command, run: invoke };
}

/**
 * A failure whose message goes to the terminal as it stands, line breaks included: whatever in it came from
 * outside has been through `printable`. `status` overrules the exit status of the code.
 */
export class CommandError extends CodedError {
  readonly status: number | undefined;

  constructor(
    message: string,
    options: { code?: ErrorCode; status?: number; cause?: unknown; data?: ErrorData; hint?: string } = {},
  ) {
    super(options.code ?? 'invalid-argument', message, options);
    this.name = 'CommandError';
    this.status = options.status;
  }
}

/** The command line itself is wrong. */
export class UsageError extends CommandError {}
