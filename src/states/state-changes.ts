/**
 * What every store refuses, and what becomes of a change.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';
import type { State } from './state.js';
import { StateConflictError, StateNotFoundError } from './state-errors.js';
import type { ChangeOptions, FoundState, StateWriter } from './state-store.js';

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

function notFound<Data>({ name }: State<Data>, id: string): StateNotFoundError {
  return new StateNotFoundError(`There is no state ${name} of ${id}. Nothing was stored.`, {
    details: { state: name, id },
  });
}

/** Changes what a writer finds. @throws StateNotFoundError (`STATE_NOT_FOUND`) and what the change and `put` throw @internal */
export async function updateBy<Data>(
  writer: Pick<StateWriter, 'fetch' | 'put'>,
  state: State<Data>,
  id: string,
  change: Partial<Data> | ((data: Data) => Data),
  { version }: ChangeOptions,
): Promise<FoundState<Data>> {
  const found = await writer.fetch(state, id);
  if (found === undefined) throw notFound(state, id);
  assertVersion(state, id, version, found.version);
  const data: unknown = typeof change === 'function' ? change(found.data) : { ...found.data, ...change };
  return await writer.put(state, id, data, { version: found.version });
}
