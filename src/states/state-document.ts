/**
 * Documents as they are stored: validated, and what JSON can hold.
 *
 * @module
 */
import { DataError, ProgrammingError } from '../persistence/errors.js';
import { validated } from '../domain/standard-schema.js';
import { jsonOf, lostAt } from '../util/json-loss.js';
import type { State } from './state.js';

const ID_LENGTH_MAX = 255;

/**
 * A document to be stored.
 *
 * @returns what the schema made of it, and its JSON
 * @throws ValidationError (`VALIDATION_ERROR`) when it is not what the schema says
 * @throws DataError (`DATA_ERROR`) when it would come back as something else
 * @internal
 */
export async function toDocument<Data>(
  { name, schema }: Pick<State<Data>, 'name' | 'schema'>,
  id: string,
  given: unknown,
): Promise<{ readonly data: Data; readonly json: string }> {
  const data = schema === undefined ? (given as Data) : await validated(schema, given, `the state ${name} of ${id}`);
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new DataError(`The state ${name} of ${id} is no object, and only objects can be states. Nothing was stored.`);
  }
  const details = { state: name, id };
  const json = jsonOf(data);
  const back: unknown = json === undefined ? undefined : JSON.parse(json);
  const lost = lostAt('', data, back);
  if (json === undefined || lost !== undefined) {
    throw new DataError(
      `The state ${name} of ${id} would come back as something else, at ${lost || 'its root'}: states are what JSON can hold. Nothing was stored.`,
      { details: { ...details, path: lost ?? '' } },
    );
  }
  // PostgreSQL takes neither in its JSON. Where JSON has them, they are written so.
  if (/\\u(0000|d[89a-f])/.test(json.replaceAll('\\\\', ''))) {
    throw new DataError(
      `The state ${name} of ${id} has a text with U+0000 or half a character, which not every engine can store. Nothing was stored.`,
      { details },
    );
  }
  return { data: back as Data, json };
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a state can have no such id @internal */
export function checkedId(id: unknown): string {
  const isId = typeof id === 'string' && id !== '' && id.length <= ID_LENGTH_MAX;
  if (isId && id.isWellFormed() && !id.includes('\0')) return id;
  throw new ProgrammingError(
    `The id of a state must be a text of 1 to ${ID_LENGTH_MAX} characters, without U+0000 and half characters.`,
  );
}

/** These fields of a document, and no others. @internal */
export function pick(data: Readonly<Record<string, unknown>>, select: readonly string[] | undefined): unknown {
  if (select === undefined) return data;
  return Object.fromEntries(select.flatMap((field) => (Object.hasOwn(data, field) ? [[field, data[field]]] : [])));
}
