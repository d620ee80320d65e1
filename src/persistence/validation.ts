/**
 * Refuses malformed arguments before anything is stored, alike on every engine.
 *
 * @module
 */
import { isCanonicalUuid } from '../util/uuid-bytes.js';
import { ProgrammingError } from './errors.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from './recorder.js';
import type { StoredEvent, Tracking } from './stored-event.js';

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an event cannot be stored as it is */
export function validateEvents(events: readonly StoredEvent[]): void {
  for (const event of events) {
    validateOriginatorId(event.originatorId);
    validateVersion('originatorVersion', event.originatorVersion);
    if (typeof event.topic !== 'string' || event.topic === '') refuse('topic', 'a text that is not empty', event.topic);
    if (!(event.state instanceof Uint8Array)) refuse('state', 'a Uint8Array', event.state);
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a tracking record cannot be stored as it is */
export function validateTracking(tracking: Tracking): void {
  validateApplicationName(tracking.applicationName);
  validateInteger('notificationId', tracking.notificationId, 1);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the name is no text, or empty */
export function validateApplicationName(applicationName: string): void {
  if (typeof applicationName !== 'string' || applicationName === '') {
    refuse('applicationName', 'a text that is not empty', applicationName);
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an argument of `selectEvents` is not what it should be */
export function validateSelectEvents(originatorId: string, options: SelectEventsOptions): void {
  validateOriginatorId(originatorId);
  if (options.gt !== undefined) validateInteger('gt', options.gt, Number.MIN_SAFE_INTEGER);
  if (options.lte !== undefined) validateInteger('lte', options.lte, Number.MIN_SAFE_INTEGER);
  if (options.limit !== undefined) validateInteger('limit', options.limit, 0);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an argument of `selectNotifications` is not what it should be */
export function validateSelectNotifications(options: SelectNotificationsOptions): void {
  validateInteger('start', options.start, Number.MIN_SAFE_INTEGER);
  validateInteger('limit', options.limit, 0);
  if (options.stop !== undefined) validateInteger('stop', options.stop, Number.MIN_SAFE_INTEGER);
  for (const topic of options.topics ?? []) if (typeof topic !== 'string') refuse('topics', 'a list of texts', topic);
}

function validateOriginatorId(originatorId: string): void {
  if (!isCanonicalUuid(originatorId)) {
    refuse('originatorId', 'a UUID in canonical form (lower case, with dashes)', originatorId);
  }
}

function validateVersion(field: string, version: number): void {
  validateInteger(field, version, 0);
}

function validateInteger(field: string, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  refuse(field, min === Number.MIN_SAFE_INTEGER ? 'a safe integer' : `a safe integer, ${min} or more`, value);
}

function refuse(field: string, expected: string, actual: unknown): never {
  const shown = typeof actual === 'string' ? JSON.stringify(actual.slice(0, 80)) : String(actual);
  throw new ProgrammingError(`${field} must be ${expected}, but is ${shown}. Nothing was stored.`, {
    details: { field, expected, actual: shown },
  });
}
