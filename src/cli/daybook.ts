#!/usr/bin/env node
/**
 * `daybook`: what is done once in a project, or by whoever runs one. Ends with 0 when it is done, 1 when it could not be, 2
 * when the command line is wrong, and 128 + the signal's number at a second signal, which does not wait. Commands may have
 * more, which their `--help` says.
 *
 * @module
 */
import { constants } from 'node:os';
import { COMMANDS } from './commands.js';
import { runCli } from './run-cli.js';

const EXIT_SIGNAL = 128;

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (ending.signal.aborted) process.exit(EXIT_SIGNAL + constants.signals[signal]);
    ending.abort();
  });
}

process.exitCode = await runCli(COMMANDS, process.argv.slice(2), {
  environment: process.env,
  packageFolder: import.meta.dirname,
  write: (line) => console.log(line),
  warn: (line) => console.error(line),
  signal: ending.signal,
});
