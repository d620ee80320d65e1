#!/usr/bin/env node
/**
 * `daybook-server`: runs a host until SIGINT or SIGTERM.
 *
 * Writes where it listens to the standard output, and lines of JSON to the standard error: faults, and requests.
 *
 * Ends with 0 after a stop in good order, 1 when it could not start or stop, 2 when the command line is wrong,
 * and 128 + the signal's number at a second signal, which does not wait.
 *
 * @module
 */
import { constants } from 'node:os';
import { isEventSourcingError } from '../../domain/errors.js';
import { systemClock } from '../../util/clock.js';
import { parseCliOptions, secretsInArguments, USAGE } from './cli-options.js';
import type { CliOptions } from './cli-options.js';
import { parseRefusedCommand, REFUSED_USAGE, runRefused } from './cli-refused.js';
import { jsonLines } from './json-lines.js';
import { startNodeHost } from './node-host.js';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_SIGNAL = 128;

async function main(): Promise<void> {
  if (process.argv[2] === 'refused') {
    await refused(process.argv.slice(3));
    return;
  }
  const options = readOptions();
  if (options === undefined) return;
  // Before the start, which may take a second: a signal in between must not leave PostgreSQL behind.
  const stopped = signalled();
  const { quiet = false, ...hostOptions } = options;
  const { log, requestLog } = jsonLines((line) => process.stderr.write(line), systemClock);
  const host = await startNodeHost({ ...hostOptions, log, requestLog: quiet ? undefined : requestLog });
  console.log(`daybook-server listens at ${host.url} and records in ${withoutPassword(host.databaseUrl)}`);
  await stopped;
  console.log('daybook-server answers what is in flight and stops.');
  await host.close();
  process.exit(0);
}

async function refused(args: readonly string[]): Promise<void> {
  const command = parseRefusedCommand(args, process.env);
  if (command === 'help') console.log(REFUSED_USAGE);
  else await runRefused(command, (line) => console.log(line));
}

function readOptions(): CliOptions | undefined {
  try {
    const args = process.argv.slice(2);
    const options = parseCliOptions(args, process.env);
    for (const secret of secretsInArguments(args)) {
      console.error(`daybook-server: every user of this machine can read ${secret}.`);
    }
    if (options !== 'help') return options;
    console.log(USAGE);
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = EXIT_USAGE;
  }
  return undefined;
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (++count > 1) process.exit(EXIT_SIGNAL + constants.signals[signal]);
        resolve();
      });
    }
  });
}

function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return 'PostgreSQL';
  const { host, pathname } = new URL(url);
  return `postgres://${host}${pathname}`;
}

// Daybook's errors say what to do; of anything else the stack is what helps.
function messageOf(error: unknown): string {
  if (isEventSourcingError(error)) return `daybook-server: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

await main().catch((error: unknown) => {
  console.error(messageOf(error));
  // Such an error says that the options can never work, for example because nothing says who may push.
  const isUsage = isEventSourcingError(error) && error.code === 'PROGRAMMING_ERROR';
  process.exit(isUsage ? EXIT_USAGE : EXIT_FAILED);
});
