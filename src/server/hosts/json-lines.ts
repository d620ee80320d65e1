/**
 * The logs of a host as lines of JSON, one for each request and for each fault.
 *
 * Of an error there is its name, code, message and stack, and those of its causes: no other field, because a database
 * puts the row that it refused into them, and a client of HTTP the headers that it sent.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import type { RequestLine } from '../observing/request-log.js';

// An error of an error of an error, and no further: a chain may be a ring.
const CAUSES_MAX = 5;

/** Two logs that go to the same place. */
export interface JsonLines {
  readonly log: (message: string, error: unknown) => void;
  readonly requestLog: (line: RequestLine) => void;
}

/** @param write - gets a line, with its end */
export function jsonLines(write: (line: string) => void, clock: Pick<Clock, 'nowMs'>): JsonLines {
  const put = (line: object): void => write(`${JSON.stringify(line)}\n`);
  return {
    log: (message, error) => {
      const time = new Date(clock.nowMs()).toISOString();
      put({ event: 'fault', time, level: 'error', message, error: shown(error) });
    },
    requestLog: put,
  };
}

function shown(error: unknown, causesLeft: number = CAUSES_MAX): unknown {
  // What is thrown and is no error may have anything in it.
  if (!(error instanceof Error)) return typeof error === 'string' ? error : typeof error;
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    name,
    ...(typeof code === 'string' ? { code } : {}),
    message,
    ...(stack === undefined
      ? {}
      : {
          stack: stack
            .split('\n')
            .slice(1)
            .map((line) => line.trim()),
        }),
    ...(cause === undefined || causesLeft === 0 ? {} : { cause: shown(cause, causesLeft - 1) }),
  };
}
