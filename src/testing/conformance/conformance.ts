/**
 * Conformance suites: lists of named cases, to be run on every implementation of an interface, with any test runner.
 *
 * @module
 */
import { dequal } from 'dequal';
import { isEventSourcingError } from '../../domain/errors.js';
import { show } from '../shown-value.js';

/** One case: a name that says what is promised, and a check that rejects when the promise is broken. */
export interface ConformanceCase<Context> {
  readonly name: string;
  run(context: Context): Promise<void>;
}

/** A promise of an interface was broken. */
export class ConformanceError extends Error {
  override readonly name: string = 'ConformanceError';
}

/** @throws ConformanceError when the values differ; byte arrays and nested values are compared by content */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (dequal(actual, expected)) return;
  throw new ConformanceError(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

/** @throws ConformanceError when the condition does not hold */
export function expectTrue(condition: boolean, what: string): void {
  if (!condition) throw new ConformanceError(what);
}

/** @throws ConformanceError when the promise resolves, or rejects with anything but a Daybook error of this code */
export async function expectRejection(promise: Promise<unknown>, code: string, what: string): Promise<void> {
  const outcome = await promise.then(
    () => ({ thrown: undefined, resolved: true }),
    (thrown: unknown) => ({ thrown, resolved: false }),
  );
  if (outcome.resolved) throw new ConformanceError(`${what}: expected a rejection with ${code}, but it resolved`);
  if (isEventSourcingError(outcome.thrown) && outcome.thrown.code === code) return;
  throw new ConformanceError(`${what}: expected a rejection with ${code}, got ${show(outcome.thrown)}`, {
    cause: outcome.thrown,
  });
}

/** Closes something when work is over, however it ends. Not `await using`: not every browser of today reads it. */
export async function closedAfter(closable: { close(): Promise<void> }, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await closable.close();
  }
}
