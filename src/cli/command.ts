/**
 * What a command of `daybook` is. Each lies in a module of its own, which is loaded only when it is asked for: whoever copies
 * files needs no driver of a database.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';

/** How a command ends, for whoever has started it. */
export const EXIT = {
  done: 0,
  /** It could not be done. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
} as const;

/** What a command has of the process. */
export interface CommandContext {
  /** Environment variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder of the package's build, which this command is part of. */
  readonly packageFolder: string;
  /** Writes a line to the standard output: what was asked for. */
  readonly write: (line: string) => void;
  /** Writes a line to the standard error: what else there is to say. */
  readonly warn: (line: string) => void;
  /** Aborted at SIGINT and SIGTERM: end in good order. A second signal ends the process. */
  readonly signal: AbortSignal;
}

/** A command, when it was loaded. */
export interface Command {
  /** What `--help` prints, in lines of 120 characters at most. */
  readonly usage: string;
  /**
   * Does it.
   *
   * @param args - after the name of the command
   * @returns how the process ends: 0 for done
   * @throws {@link usageError} where the command line is wrong; whatever else says why it could not be done
   */
  readonly run: (args: readonly string[], context: CommandContext) => Promise<number>;
}

/** A command, before it was loaded. */
export interface ListedCommand {
  readonly name: string;
  /** Of a line, for the list of all commands. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Of a command line that is wrong: its message is shown with a word on where to read more. */
export function usageError(message: string, cause?: unknown): ProgrammingError {
  return new ProgrammingError(message, { cause, details: { reason: USAGE_REASON } });
}

/** `details.reason` of a {@link usageError}. */
export const USAGE_REASON = 'usage';
