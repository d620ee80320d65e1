/**
 * What every store refuses, and what becomes of a change.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';
import { validateInteger } from '../persistence/validation.js';
import type { State } from './state.js';
import { checkedId, toDocument } from './state-document.js';
import { StateConflictError, StateNotFoundError } from './state-errors.js';
import type { ChangeOptions, FoundState, RestoreOptions, StateWriter } from './state-store.js';

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
  validateExpected(expected);
  if (expected !== undefined && expected !== actual) throw conflict(state, id, expected, actual);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is there and no version @internal */
export function validateExpected(version: number | undefined): void {
  if (version !== undefined) validateInteger('version', version, 0);
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

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is kept from events, or an option is none @internal */
export function assertRestored<Data>(state: State<Data>, { existing = 'replace' }: RestoreOptions = {}): void {
  assertWritten(state);
  if (!['replace', 'keep'].includes(existing)) throw new ProgrammingError('existing must be replace or keep.');
}

/** A state that is put back, as it is to be stored. @internal */
export interface Restored<Data> extends FoundState<Data> {
  readonly json: string;
}

/** Those that are there of some ids. @internal */
export type StatesThere = ReadonlyMap<string, Pick<FoundState<unknown>, 'version' | 'data'>>;

/**
 * Checks states that are put back, and leaves out what is there already.
 *
 * @param there - those of the same ids
 * @throws what `StateWriter.restore` throws
 * @internal
 */
export async function restoredOf<Data>(
  state: State<Data>,
  given: readonly FoundState<unknown>[],
  there: StatesThere,
  options?: RestoreOptions,
): Promise<readonly Restored<Data>[]> {
  return restoredAmong(await checkedToRestore(state, given), there, options);
}

/** The first half of {@link restoredOf}: what needs no look at what is there. @internal */
export async function checkedToRestore<Data>(
  state: State<Data>,
  given: readonly FoundState<unknown>[],
): Promise<readonly Restored<Data>[]> {
  const checked: Restored<Data>[] = [];
  for (const { id, version, data } of given) {
    validateInteger(`The version of the state ${state.name} of ${id}`, version, 1);
    checked.push({ id, version, ...(await toDocument(state, checkedId(id), data)) });
  }
  return checked;
}

/** The second half of {@link restoredOf}. @internal */
export function restoredAmong<Data>(
  checked: readonly Restored<Data>[],
  there: StatesThere,
  { existing }: RestoreOptions = {},
): readonly Restored<Data>[] {
  return checked.flatMap((one) => {
    const before = there.get(one.id);
    if (before === undefined) return [one];
    if (existing === 'keep' || isSame(before.data, one.data)) return [];
    return [{ ...one, version: Math.max(one.version, before.version + 1) }];
  });
}

/** Whether two documents are the same, in whatever order their fields are. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(inOrder(one)) === JSON.stringify(inOrder(other));
}

/** A document whose fields are in an order that every engine has: not all of them keep the order in which they were given. @internal */
export function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(fields.map(([key, field]) => [key, inOrder(field)]));
}
