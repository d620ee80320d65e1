/**
 * Reads columns, whatever the client library made of them.
 *
 * @module
 */
import { DataError } from '../errors.js';
import type { Notification, OriginatorId, StoredEvent } from '../stored-event.js';
import type { PostgresRow } from './postgres-driver.js';

/**
 * Rows of one aggregate as its events. Their states share one buffer, which is nobody else's.
 *
 * @throws DataError (`DATA_ERROR`) when a row is not one that a recorder can have written
 */
export function toStoredEvents(rows: readonly PostgresRow[], originatorId: OriginatorId): StoredEvent[] {
  const states = copyStates(rows);
  return rows.map((row, index) => toStoredEvent(row, originatorId, states[index] as Uint8Array));
}

/**
 * Rows as notifications. Their states share one buffer, which is nobody else's.
 *
 * @throws DataError (`DATA_ERROR`) when a row is not one that a recorder can have written
 */
export function toNotifications(rows: readonly PostgresRow[]): Notification[] {
  const states = copyStates(rows);
  return rows.map((row, index) => ({
    id: toSafeInteger(row, 'notification_id'),
    ...toStoredEvent(row, toText(row, 'originator_id'), states[index] as Uint8Array),
  }));
}

function toStoredEvent(row: PostgresRow, originatorId: OriginatorId, state: Uint8Array): StoredEvent {
  return {
    originatorId,
    originatorVersion: toSafeInteger(row, 'originator_version'),
    topic: toText(row, 'topic'),
    state,
  };
}

/**
 * A `bigint` column as a number.
 *
 * @throws DataError (`DATA_ERROR`) when it is no integer, or beyond 2^53 - 1
 */
export function toSafeInteger(row: PostgresRow, column: string): number {
  const value = row[column];
  const integer = typeof value === 'string' || typeof value === 'bigint' ? Number(value) : value;
  if (typeof integer !== 'number' || !Number.isSafeInteger(integer)) throw unreadable(column, 'a safe integer', value);
  return integer;
}

function toText(row: PostgresRow, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw unreadable(column, 'a text', value);
  return value;
}

/**
 * Copies, because pg's buffers may be slices of a larger one with the data of others, which they would keep. One copy for
 * all rows: allocating for each costs more than everything else that is done with it.
 */
function copyStates(rows: readonly PostgresRow[]): Uint8Array[] {
  const values = rows.map((row) => toBytes(row, 'state'));
  const all = new Uint8Array(values.reduce((bytes, value) => bytes + value.length, 0));
  let at = 0;
  return values.map((value) => {
    all.set(value, at);
    at += value.length;
    return all.subarray(at - value.length, at);
  });
}

function toBytes(row: PostgresRow, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw unreadable(column, 'bytes', value);
  return value;
}

function unreadable(column: string, expected: string, value: unknown): DataError {
  const found = value === null ? 'NULL' : typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeof value;
  return new DataError(`Column ${column} should hold ${expected}, but holds ${found}.`, {
    details: { column, expected, found },
  });
}
