/**
 * Reads columns, whatever the client library made of them.
 *
 * @module
 */
import { DataError } from '../errors.js';
import type { Notification, StoredEvent } from '../stored-event.js';
import type { PostgresRow } from './postgres-driver.js';

/** @throws DataError (`DATA_ERROR`) when a row is not one that a recorder can have written */
export function toStoredEvent(row: PostgresRow): StoredEvent {
  return {
    originatorId: toText(row, 'originator_id'),
    originatorVersion: toSafeInteger(row, 'originator_version'),
    topic: toText(row, 'topic'),
    state: toBytes(row, 'state'),
  };
}

/** @throws DataError (`DATA_ERROR`) when a row is not one that a recorder can have written */
export function toNotification(row: PostgresRow): Notification {
  return { id: toSafeInteger(row, 'notification_id'), ...toStoredEvent(row) };
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

// A copy of their own: pg's buffers may be slices of a larger one, which they would keep, and which cannot be transferred.
function toBytes(row: PostgresRow, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw unreadable(column, 'bytes', value);
  return new Uint8Array(value);
}

function unreadable(column: string, expected: string, value: unknown): DataError {
  const found = value === null ? 'NULL' : typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : typeof value;
  return new DataError(`Column ${column} should hold ${expected}, but holds ${found}.`, {
    details: { column, expected, found },
  });
}
