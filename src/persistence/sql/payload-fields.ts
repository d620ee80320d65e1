/**
 * Fields of payloads that are looked for: names, and the ways to them.
 *
 * @module
 */
import { sha256Now } from '../../util/sha256-now.js';
import { ProgrammingError } from '../errors.js';
import { toHex } from '../sha256.js';

const ENDING_BYTES = 6;
const FIELDS_MAX = 16;

/** A name, or the names on the way to it. */
export type PayloadField = string | readonly string[];

/** A field of a payload, both as SQL, as PostgreSQL and SQLite write it: `payload -> 'address' ->> 'city'`. */
export function fieldSql(payload: string, path: readonly string[]): string {
  const last = path.length - 1;
  return path.reduce(
    (sql, name, at) => `${sql} ${at === last ? '->>' : '->'} '${name.replaceAll("'", "''")}'`,
    payload,
  );
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when they are no fields */
export function checkedPaths(fields: unknown): readonly (readonly string[])[] {
  if (!Array.isArray(fields) || fields.length > FIELDS_MAX) throw wrongFields();
  return (fields as readonly unknown[]).map((field) => {
    const path: readonly unknown[] = Array.isArray(field) ? field : [field];
    if (path.length === 0 || !path.every(isFieldName)) throw wrongFields();
    return path;
  });
}

function isFieldName(name: unknown): name is string {
  // A backslash would mean something where the server takes texts for escaped.
  return typeof name === 'string' && name !== '' && !/[\0\\]/.test(name) && name.isWellFormed();
}

function wrongFields(): ProgrammingError {
  return new ProgrammingError(
    `fields must be a list of up to ${FIELDS_MAX} names of fields, or lists of them, without zeros and backslashes.`,
    { details: { option: 'fields' } },
  );
}

/** Ends the name of an index: the same for the same path, whatever it is called. */
export function endingOf(path: readonly string[]): string {
  return toHex(sha256Now(new TextEncoder().encode(JSON.stringify(path))).subarray(0, ENDING_BYTES));
}
