/**
 * Finds the command that a line names, runs it, and says how that ended.
 *
 * @module
 */
import { isEventSourcingError } from '../domain/errors.js';
import { EXIT, USAGE_REASON } from './command.js';
import type { CommandContext, ListedCommand } from './command.js';

const HELP: ReadonlySet<string> = new Set(['--help', '-h']);

/**
 * @param args - after the name of the program
 * @returns how the process ends
 */
export async function runCli(
  commands: readonly ListedCommand[],
  args: readonly string[],
  context: CommandContext,
): Promise<number> {
  const { write, warn } = context;
  const [first = '', ...rest] = args;
  if (HELP.has(first) || (first === 'help' && rest.length === 0)) {
    write(overview(commands));
    return EXIT.done;
  }
  const name = first === 'help' ? rest[0] : first;
  const listed = commands.find((one) => one.name === name);
  if (listed === undefined) {
    warn(name === '' ? overview(commands) : `There is no command "${name}".\n\n${overview(commands)}`);
    return EXIT.usage;
  }
  try {
    const { usage, run } = await listed.load();
    if (first !== 'help' && !rest.some((one) => HELP.has(one))) return await run(rest, context);
    write(usage);
    return EXIT.done;
  } catch (error) {
    const isUsage = isEventSourcingError(error) && error.details['reason'] === USAGE_REASON;
    warn(`daybook ${listed.name}: ${messageOf(error)}${isUsage ? `\nSee daybook ${listed.name} --help.` : ''}`);
    return isUsage ? EXIT.usage : EXIT.failed;
  }
}

function overview(commands: readonly ListedCommand[]): string {
  const width = commands.reduce((most, { name }) => Math.max(most, name.length), 0);
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return ['Usage: daybook <command> [options]', '', ...lines, '', 'More on one of them: daybook <command> --help'].join(
    '\n',
  );
}

/** Daybook's errors, and those of the system, say what is wrong; of anything else the stack is what helps. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isEventSourcingError(error) || 'code' in error ? error.message : (error.stack ?? error.message);
}
