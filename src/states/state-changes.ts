/**
 * What every store refuses, and what becomes of a change.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';
import type { State } from './state.js';
import { StateConflictError, StateNotFoundError } from './state-errors.js';

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is kept from events @internal */
export function assertWritten<Data>({ name, kept }: State<Data>): void {
  if (kept === undefined) return;
  throw new ProgrammingError(`The state ${name} is kept from ${kept.of}, and is not written by hand.`);
}

/** @throws StateConflictError (`STATE_CONFLICT`) when it is not as expected @internal */
export function assertVersion<Data>(
  state: State<Data>,
  id: string,
  expected: number | undefined,
  actual: number,
): void {
  if (expected !== undefined && expected !== actual) throw conflict(state, id, expected, actual);
}

/** @internal */
export function conflict<Data>(
  { name }: State<Data>,
  id: string,
  expected: number,
  actual: number,
): StateConflictError {
  return new StateConflictError(
    `The state ${name} of ${id} is at version ${actual}, not ${expected}: it was changed since it was read. Nothing was stored. Read it again.`,
    { details: { state: name, id, expected, actual } },
  );
}

/** @internal */
export function notFound<Data>({ name }: State<Data>, id: string): StateNotFoundError {
  return new StateNotFoundError(`There is no state ${name} of ${id}. Nothing was stored.`, {
    details: { state: name, id },
  });
}

/** A document as it is to be. @internal */
export function changed<Data>(data: Data, change: Partial<Data> | ((data: Data) => Data)): unknown {
  return typeof change === 'function' ? change(data) : { ...data, ...change };
}
