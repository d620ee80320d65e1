/**
 * Refuses malformed arguments of a `UnitRecorder` before anything is stored.
 *
 * @module
 */
import { isCanonicalUuid } from '../util/uuid-bytes.js';
import { DataError, ProgrammingError } from './errors.js';
import { BOOTSTRAP_AGGREGATES_MAX, CURSOR_START } from './unit.js';
import type { AggregateBase, BootstrapPart, Cursor, UnitId, UnitPage } from './unit.js';
import { TRUNCATIONS_MAX, UNITS_FOUND_MAX } from './unit-recorder.js';
import type { DecidedUnit, SetAsideReason, Truncation, UnitLimits } from './unit-recorder.js';
import {
  isStorableText,
  TOPIC_LENGTH_MAX,
  validateEvents,
  validateInteger,
  validateStateSizes,
  validateText,
  validateUnit,
} from './validation.js';

/** UTF-16 code units of a cursor. */
export const CURSOR_LENGTH_MAX = 200;
// Of people's words: long enough for any, and bounded, because it is kept.
const MESSAGE_LENGTH_MAX = 10_000;

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a place or a limit is no number of its kind */
export function validateUnitLimits(after: number, { eventsMax, bytesMax }: UnitLimits): void {
  validateInteger('after', after, 0);
  validateInteger('eventsMax', eventsMax, 1);
  validateInteger('bytesMax', bytesMax, 1);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a reason cannot be stored as it is */
export function validateReason({ code, message }: SetAsideReason): void {
  validateText('reason.code', code, CURSOR_LENGTH_MAX);
  if (message !== '') validateText('reason.message', message, MESSAGE_LENGTH_MAX);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a key is no id of a unit and no local id, or there are too many */
export function validateUnitKeys(keys: readonly (UnitId | number)[]): void {
  if (keys.length > UNITS_FOUND_MAX) {
    throw new ProgrammingError(`${UNITS_FOUND_MAX} units can be asked for at once, and these are ${keys.length}.`);
  }
  for (const key of keys) {
    if (typeof key === 'number') validateInteger('key', key, 1);
    else validateUnit({ id: key });
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a decision cannot be stored as it is, or one unit has two */
export function validateDecided(decided: readonly DecidedUnit[]): void {
  const ids = new Set<UnitId>();
  for (const { id, as, events = [], isCommutative, command, reason } of decided) {
    validateUnit({ id, ...(isCommutative === undefined ? {} : { isCommutative }) });
    validateUnit({ ...(as === undefined ? {} : { id: as }), ...(command === undefined ? {} : { command }) });
    validateEvents(events);
    validateStateSizes(events);
    if (reason !== undefined) validateReason(reason);
    if (ids.has(id)) throw new ProgrammingError(`Two decisions are about unit ${id}. Nothing was stored.`);
    ids.add(id);
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a truncation cannot be stored as it is, or there are too many */
export function validateTruncations(truncations: readonly Truncation[]): void {
  const ids = new Set<string>();
  const refuse = (why: string): never => {
    throw new ProgrammingError(`Nothing is truncated like that: ${why}. Nothing was stored.`);
  };
  if (truncations.length > TRUNCATIONS_MAX) refuse(`there are more than ${TRUNCATIONS_MAX}`);
  for (const { snapshot, anchor, digest } of truncations) {
    const { originatorId, originatorVersion, eventId, aggregateType, stateVersion, state, takenAtMs } = snapshot;
    if (![originatorId, anchor, digest].every(isCanonicalUuid)) refuse('an id or a digest is no UUID');
    if (ids.has(originatorId)) refuse(`${originatorId} is there twice`);
    ids.add(originatorId);
    validateInteger('snapshot.originatorVersion', originatorVersion, 1);
    validateInteger('snapshot.stateVersion', stateVersion, 0);
    validateInteger('snapshot.takenAtMs', takenAtMs, 0);
    validateText('snapshot.aggregateType', aggregateType, TOPIC_LENGTH_MAX);
    validateText('snapshot.eventId', eventId, TOPIC_LENGTH_MAX);
    validateStateSizes([{ originatorId, originatorVersion, topic: aggregateType, state }]);
  }
}

/**
 * What can be said of a page without a look at a store.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an event, an id or a scope cannot be stored as it is
 * @throws DataError (`DATA_ERROR`) when no server has such a page
 */
export function validatePage({ from, to, position: reached, units, bootstrap }: UnitPage): void {
  assertPage(isCursor(from) && isCursor(to), 'a cursor is no text of 1 to 200 characters');
  validateInteger('position', reached, 0);
  if (bootstrap !== undefined) validateBootstrap(reached, bootstrap);
  const position = bootstrap?.position ?? reached;
  let last = 0;
  const ids = new Set<string>();
  for (const { id, events, isCommutative, scopes, position: at, total, origin } of units) {
    validateEvents(events);
    validateUnit({ id, isCommutative, scopes });
    assertPage(!ids.has(id), `unit ${id} stands in it twice`);
    ids.add(id);
    assertPage(Number.isSafeInteger(at) && at > last && at <= position, `position ${at} is not in its place`);
    last = at;
    const isWhole = Number.isSafeInteger(total) && events.length > 0 && total >= events.length;
    assertPage(isWhole, `unit ${id} has ${events.length} events of ${total}`);
    assertPage(isStorableText(origin.author) && Number.isSafeInteger(origin.recordedAtMs), `unit ${id} has no origin`);
  }
}

function validateBootstrap(covered: number, { position, isEnd, aggregates }: BootstrapPart): void {
  const isPlaced =
    Number.isSafeInteger(position) && position > 0 && (isEnd ? covered === position : covered < position);
  assertPage(isPlaced && aggregates.length <= BOOTSTRAP_AGGREGATES_MAX, 'a part is of no place, or has too much');
  const ids = new Set<string>();
  for (const { originatorId: id, continues, upTo = 0, base } of aggregates) {
    const isSound = isCanonicalUuid(id) && !ids.has(id) && Number.isSafeInteger(upTo);
    assertPage(
      isSound && (base === undefined || (!continues && isBase(id, base, position))),
      `its part of ${id} is none`,
    );
    ids.add(id);
    if (base !== undefined) validateStateSizes([{ ...base.snapshot, topic: base.snapshot.aggregateType }]);
  }
}

function isBase(id: string, { version, edition, digest, position, snapshot }: AggregateBase, end: number): boolean {
  const { originatorId, originatorVersion, eventId, aggregateType, stateVersion, takenAtMs } = snapshot;
  const isOfIt = originatorId === id && originatorVersion === version + 1 && version >= 1 && position <= end;
  const numbers = [version, position - 1, stateVersion, takenAtMs];
  const isText = (text: string): boolean => text !== '' && text.length <= TOPIC_LENGTH_MAX && isStorableText(text);
  const areNumbers = numbers.every((value) => Number.isSafeInteger(value) && value >= 0);
  return isOfIt && areNumbers && [edition, digest].every(isCanonicalUuid) && [eventId, aggregateType].every(isText);
}

/** @throws DataError (`DATA_ERROR`) when something does not hold that holds of every page of a server */
export function assertPage(holds: boolean, why: string): asserts holds {
  if (!holds) throw new DataError(`No server has such a page: ${why}. Nothing was stored.`);
}

function isCursor(cursor: Cursor): boolean {
  return cursor === CURSOR_START || (cursor !== '' && cursor.length <= CURSOR_LENGTH_MAX && isStorableText(cursor));
}
