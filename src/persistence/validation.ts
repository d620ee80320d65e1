/**
 * Refuses malformed arguments before anything is stored, alike on every engine.
 *
 * @module
 */
import { isCanonicalUuid } from '../util/uuid-bytes.js';
import { EventTooLargeError, NotSupportedError, ProgrammingError } from './errors.js';
import type { DecidedOn } from './past.js';
import type { InsertEventsOptions, SelectEventsOptions, SelectNotificationsOptions } from './recorder.js';
import type { StoredEvent, Tracking } from './stored-event.js';
import { isDerivedEdition } from './unit-edition.js';
import { COMMAND_BYTES_MAX, SCOPE_LENGTH_MAX, UNIT_SCOPES_MAX } from './unit.js';
import type { UnitOptions } from './unit.js';

/** UTF-16 code units of a topic: far above any name, and what a sync server takes. */
export const TOPIC_LENGTH_MAX = 1_000;
/** UTF-16 code units of an aggregate's id that is a text: its index entry must fit into a third of a page of PostgreSQL. */
export const ORIGINATOR_ID_LENGTH_MAX = 500;
/** UTF-16 code units of a name that something is kept under. */
export const NAME_LENGTH_MAX = 200;
/** Bytes of one event's state in a store that is pushed: in base64 it must fit into one request. */
export const STATE_BYTES_MAX = 700_000;

/** What identifies aggregates: UUIDs, which every engine takes, or any texts, where an engine has them as an option. */
export type OriginatorIdType = 'uuid' | 'text';

/** @internal */
export const ORIGINATOR_ID_TYPES: readonly OriginatorIdType[] = ['uuid', 'text'];

/** Whether every engine can store a text: PostgreSQL takes neither zero characters nor halves of surrogate pairs. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an event cannot be stored as it is */
export function validateEvents(events: readonly StoredEvent[], idType: OriginatorIdType = 'uuid'): void {
  validateList('events', events);
  for (const event of events) {
    validateObject('event', event);
    validateOriginatorId(event.originatorId, idType);
    validateVersion('originatorVersion', event.originatorVersion);
    validateTopic(event.topic);
    validateBytes('state', event.state);
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a tracking record cannot be stored as it is */
export function validateTracking(tracking: Tracking): void {
  validateObject('tracking', tracking);
  validateApplicationName(tracking.applicationName);
  validateInteger('notificationId', tracking.notificationId, 1);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the name is no text, or empty */
export function validateApplicationName(applicationName: string): void {
  if (typeof applicationName === 'string' && applicationName !== '' && isStorableText(applicationName)) return;
  refuse('applicationName', 'a text that is not empty, without zeros or halves of surrogate pairs', applicationName);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when no unit can be so */
export function validateUnit({ id, isCommutative, scopes = [], command }: UnitOptions): void {
  if (id !== undefined) validateOriginatorId(id, 'uuid', 'unit.id');
  if (id !== undefined && isDerivedEdition(id)) refuse('unit.id', 'a UUID whose version is not e', id);
  if (isCommutative !== undefined && typeof isCommutative !== 'boolean')
    refuse('unit.isCommutative', 'true or false', isCommutative);
  if (!Array.isArray(scopes) || scopes.length > UNIT_SCOPES_MAX)
    refuse('unit.scopes', `a list of up to ${UNIT_SCOPES_MAX} texts`, scopes);
  for (const scope of scopes as readonly string[]) validateText('unit.scopes', scope, SCOPE_LENGTH_MAX);
  if (command === undefined) return;
  // Of what another realm made, too.
  if (!ArrayBuffer.isView(command) || command.byteLength > COMMAND_BYTES_MAX)
    refuse('unit.command', `bytes, up to ${COMMAND_BYTES_MAX}`, typeof command);
}

/**
 * For recorders whose events belong to no units.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a unit, or what it is decided on, is given all the same
 */
export function refuseUnit({ unit, decidedOn }: InsertEventsOptions): void {
  if (unit === undefined && decidedOn === undefined) return;
  throw new NotSupportedError('This recorder has no units: see its supports.units. Nothing was stored.');
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing can have been decided on such a thing */
export function validateDecidedOn(decidedOn: readonly DecidedOn[]): void {
  for (const { originatorId, version, edition } of decidedOn) {
    validateOriginatorId(originatorId, 'uuid');
    validateVersion('decidedOn.version', version);
    if (typeof edition === 'number') validateInteger('decidedOn.edition', edition, 1);
    else validateOriginatorId(edition, 'uuid', 'decidedOn.edition');
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is no such durability; none is the store's own */
export function validateDurability(durability: unknown): void {
  if (durability === undefined || durability === 'strict' || durability === 'relaxed') return;
  throw new ProgrammingError('The durability of a commit, and of a store, is "strict" or "relaxed".');
}

/**
 * Refuses at the commit what a push could never get through, so that it does not block the queue later.
 *
 * @throws EventTooLargeError (`EVENT_TOO_LARGE`) when a state is larger than {@link STATE_BYTES_MAX}
 */
export function validateStateSizes(events: readonly StoredEvent[]): void {
  for (const { topic, state } of events) {
    if (state.length <= STATE_BYTES_MAX) continue;
    throw new EventTooLargeError(
      `The state of ${topic} has ${state.length} bytes; at most ${STATE_BYTES_MAX} can be pushed. Nothing was stored: keep large data elsewhere and record where.`,
      { details: { topic, stateBytes: state.length, stateBytesMax: STATE_BYTES_MAX } },
    );
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an argument of `selectEvents` is not what it should be */
export function validateSelectEvents(
  originatorId: string,
  options: SelectEventsOptions,
  idType: OriginatorIdType = 'uuid',
): void {
  validateOriginatorId(originatorId, idType);
  if (options.gt !== undefined) validateInteger('gt', options.gt, Number.MIN_SAFE_INTEGER);
  if (options.lte !== undefined) validateInteger('lte', options.lte, Number.MIN_SAFE_INTEGER);
  if (options.limit !== undefined) validateInteger('limit', options.limit, 0);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an argument of `selectNotifications` is not what it should be */
export function validateSelectNotifications(options: SelectNotificationsOptions): void {
  validateInteger('start', options.start, Number.MIN_SAFE_INTEGER);
  validateInteger('limit', options.limit, 0);
  if (options.stop !== undefined) validateInteger('stop', options.stop, Number.MIN_SAFE_INTEGER);
  const { topics = [] } = options;
  // A text is a list of its characters, which are no topics.
  if (!Array.isArray(topics) || topics.some((topic) => typeof topic !== 'string'))
    refuse('topics', 'a list of texts', topics);
}

/**
 * For options: how many of something, or the number of a version.
 *
 * @param what - for the message: `sectionSize`
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no positive integer
 */
export function validateCount(what: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new ProgrammingError(`${what} must be a safe integer, 1 or more, but is ${String(value)}.`);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no `Uint8Array` */
export function validateBytes(field: string, bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) refuse(field, 'a Uint8Array', bytes);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no list: a text would be a list of its characters */
export function validateList(field: string, list: unknown): void {
  if (!Array.isArray(list)) refuse(field, 'a list', list);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no object; what is in it is no matter here */
export function validateObject(field: string, given: unknown): void {
  if (typeof given !== 'object' || given === null) refuse(field, 'an object', given);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no finite number of milliseconds, of whatever sign */
export function validateInstant(field: string, ms: number): void {
  if (!Number.isFinite(ms)) refuse(field, 'a number of milliseconds', ms);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no text of SQL, or its values no list */
export function validateStatement(text: unknown, values: unknown): void {
  if (typeof text !== 'string') refuse('A statement', 'a text', text);
  validateList('values', values);
}

/**
 * For functions that a caller hands in: one that is none would be found when it is called, long after.
 *
 * @param functions - by their names; what is left out is no matter
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when one is there and no function
 */
export function validateFunctions(functions: Readonly<Record<string, unknown>>): void {
  for (const [option, given] of Object.entries(functions)) {
    if (given !== undefined) validateFunction(option, given);
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no function */
export function validateFunction(option: string, given: unknown): void {
  if (typeof given === 'function') return;
  throw new ProgrammingError(`${option} must be a function, but is ${String(given)}.`, { details: { option } });
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is there and none of the words: another would count as one of them */
export function validateWord(option: string, word: unknown, words: readonly string[]): void {
  if (word === undefined || words.includes(word as string)) return;
  throw new ProgrammingError(`${option} must be one of ${words.join(', ')}, but is ${JSON.stringify(word)}.`, {
    details: { option },
  });
}

/**
 * For options: a point in time.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no valid `Date`
 */
export function validateDate(option: string, date: Date | undefined): void {
  if (date === undefined || (date instanceof Date && !Number.isNaN(date.getTime()))) return;
  throw new ProgrammingError(`${option} must be a valid Date, but is ${String(date)}.`, { details: { option } });
}

/** From where to where a time may be, in milliseconds. */
export interface MsBounds {
  /** @defaultValue 0 */
  readonly min?: number;
  /** @defaultValue `Infinity`, which is for ever */
  readonly max?: number;
}

/** The longest time of clocks that are not ours: timers of Node and of browsers, settings of PostgreSQL and SQLite. */
export const FOREIGN_MS_MAX: number = 2 ** 31 - 1;

/**
 * For options: how long something takes or waits. The one place that says what such a time may be.
 *
 * @param option - for the message: `timeoutMs`
 * @returns the time
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is not within the bounds
 */
export function checkedMs(option: string, ms: number, { min = 0, max = Infinity }: MsBounds = {}): number {
  // A text would be compared as a number, and added as a text.
  if (typeof ms === 'number' && ms >= min && ms <= max) return ms;
  const range = max === Infinity ? `${min} or more` : `${min} to ${max}`;
  throw new ProgrammingError(`${option} must be ${range} milliseconds, but is ${String(ms)}.`, { details: { option } });
}

/**
 * For options: an address, which may be relative to another one.
 *
 * @param option - for the message: `workerUrl`
 * @param base - what it is relative to; `undefined` where there is nothing
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none
 */
export function checkedUrl(option: string, url: string | URL, base: string | undefined): URL {
  try {
    return new URL(url, base);
  } catch (cause) {
    throw new ProgrammingError(`${option} must be an address, but is "${String(url)}".`, {
      cause,
      details: { option },
    });
  }
}

/**
 * For options: the address of a server, which may be relative where there is a page. Sending to another one would look like
 * a network that is down, for ever.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none: `localhost:8787`, for example, has no host
 */
export function checkedServerUrl(option: string, url: string | URL): void {
  const { host } = checkedUrl(option, url, (globalThis.location as Location | undefined)?.href);
  if (host !== '') return;
  throw new ProgrammingError(`${option} must name a server, as "https://sync.example.com" does, but is "${url}".`, {
    details: { option },
  });
}

function validateOriginatorId(originatorId: string, idType: OriginatorIdType, field: string = 'originatorId'): void {
  if (idType === 'text') validateText(field, originatorId, ORIGINATOR_ID_LENGTH_MAX);
  // The type is asked for first: a test of something else would test what it says of itself.
  else if (typeof originatorId !== 'string' || !isCanonicalUuid(originatorId)) {
    refuse(field, 'a UUID in canonical form (lower case, with dashes)', originatorId);
  }
}

function validateTopic(topic: string): void {
  validateText('topic', topic, TOPIC_LENGTH_MAX);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no text that every engine can store, empty, or too long */
export function validateText(field: string, text: string, lengthMax: number): void {
  if (typeof text === 'string' && text !== '' && text.length <= lengthMax && isStorableText(text)) return;
  refuse(field, `a text of 1 to ${lengthMax} characters without zeros or halves of surrogate pairs`, text);
}

function validateVersion(field: string, version: number): void {
  validateInteger(field, version, 0);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no safe integer from `min` on */
export function validateInteger(field: string, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  refuse(field, min === Number.MIN_SAFE_INTEGER ? 'a safe integer' : `a safe integer, ${min} or more`, value);
}

/** A part of what was given, for a message. */
export function shortened(given: unknown): string {
  return String(given).slice(0, 80);
}

function refuse(field: string, expected: string, actual: unknown): never {
  const shown = typeof actual === 'string' ? JSON.stringify(shortened(actual)) : String(actual);
  throw new ProgrammingError(`${field} must be ${expected}, but is ${shown}. Nothing was stored.`, {
    details: { field, expected, actual: shown },
  });
}
