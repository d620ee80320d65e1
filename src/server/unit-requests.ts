/**
 * Reads what devices send: each kind of request within its limits, and refused before anybody else looks at it.
 *
 * @module
 */
import * as v from 'valibot';
import { isCanonicalUuid } from '../util/uuid-bytes.js';
import { isEventSourcingError } from '../domain/errors.js';
import { EVENTS_MAX_REASON } from '../persistence/unit-batch.js';
import type { EventsMax } from '../persistence/unit-batch.js';
import { isDerivedEdition } from '../persistence/unit-edition.js';
import { BOOTSTRAP_NAMED_MAX, SCOPE_LENGTH_MAX } from '../persistence/unit.js';
import type { Cursor, LostUnit, Unit } from '../persistence/unit.js';
import { isStorableText, TOPIC_LENGTH_MAX } from '../persistence/validation.js';
import {
  CURSOR_LENGTH_MAX,
  DIGESTS_MAX,
  HELD_MAX,
  MARKS_MAX,
  TooLargeError,
  UNITS_MEDIA_TYPE,
} from '../sync/protocol/index.js';
import type { SyncLimits } from '../sync/protocol/index.js';
import { checkMediaType, invalid, readBytes } from './request-body.js';
import type { BodyLimits } from './request-body.js';

/** Of the requests in JSON, with room for fields that come later. */
export const QUESTION_LIMITS: BodyLimits = { bytesMax: 65_536, isGzipTaken: true, depthMax: 8, partsMax: 1_000 };

const cursorSchema = v.pipe(v.string(), v.maxLength(CURSOR_LENGTH_MAX, `a cursor has ${CURSOR_LENGTH_MAX} characters`));
const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** Asks for a page. */
export const pageQuestionSchema: v.GenericSchema<{
  after: Cursor;
  events: number;
  bytes: number;
  held?: Cursor[] | undefined;
  bootstrap?: string[] | undefined;
}> = v.object({
  after: cursorSchema,
  events: countSchema,
  bytes: countSchema,
  held: v.optional(v.pipe(v.array(cursorSchema), v.maxLength(HELD_MAX))),
  bootstrap: v.optional(
    v.pipe(v.array(v.pipe(v.string(), v.check(isCanonicalUuid))), v.maxLength(BOOTSTRAP_NAMED_MAX)),
  ),
});

/** Asks for the common place. */
export const commonQuestionSchema: v.GenericSchema<{ marks: Cursor[] }> = v.object({
  marks: v.pipe(v.array(cursorSchema), v.maxLength(MARKS_MAX)),
});

const originatorIdSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(TOPIC_LENGTH_MAX), v.check(isStorableText));
const versionSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** Asks for digests. */
export const digestsQuestionSchema: v.GenericSchema<{ aggregates: [string, number, string, number][] }> = v.object({
  aggregates: v.pipe(
    v.array(v.tuple([originatorIdSchema, versionSchema, v.pipe(v.string(), v.check(isCanonicalUuid)), versionSchema])),
    v.maxLength(DIGESTS_MAX),
  ),
});

/** Asks for events of an aggregate. */
export const historyQuestionSchema: v.GenericSchema<{
  id: string;
  after: number;
  upTo: number;
  events: number;
  bytes: number;
}> = v.object({
  id: originatorIdSchema,
  after: versionSchema,
  upTo: versionSchema,
  events: countSchema,
  bytes: countSchema,
});

/** What the reading of units needs. */
export interface UnitsReading<U extends Unit> {
  readonly limits: SyncLimits;
  readonly unpack: (bytes: Uint8Array, eventsMax: EventsMax) => U[];
  /** Told how many bytes came. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Reads units: at least one, each once, with texts that every database can store.
 *
 * @throws InvalidRequestError (`INVALID_REQUEST`) with `path` and `problem` of the first thing that is wrong
 * @throws TooLargeError (`TOO_LARGE`) when there is more than the server takes at once
 */
export async function readUnits<U extends Unit>(
  request: Request,
  { limits, unpack, onBytes }: UnitsReading<U>,
): Promise<U[]> {
  checkMediaType(request, UNITS_MEDIA_TYPE);
  const bytes = await readBytes(
    request,
    { bytesMax: Math.max(limits.unitBytes, limits.bytes), isGzipTaken: true },
    onBytes,
  );
  const units = unpackWithin(bytes, limits, unpack);
  if (units.length === 0) throw invalid('', 'there are no units');
  const ids = new Set<string>();
  units.forEach((unit, index) => {
    if (ids.has(unit.id)) throw invalid(`units.${index}.id`, 'is there twice');
    ids.add(unit.id);
    if (isDerivedEdition(unit.id)) throw invalid(`units.${index}.id`, 'is one that only an edition has');
    checkTexts(unit, `units.${index}`);
  });
  return units;
}

function unpackWithin<U>(
  bytes: Uint8Array,
  limits: SyncLimits,
  unpack: (bytes: Uint8Array, eventsMax: EventsMax) => U[],
): U[] {
  // A unit that is alone has limits of its own.
  const eventsMax: EventsMax = (units) =>
    units === 1 ? limits.unitEvents : bytes.length > limits.bytes ? 0 : limits.events;
  try {
    return unpack(bytes, eventsMax);
  } catch (error) {
    if (isEventSourcingError(error) && error.details['reason'] === EVENTS_MAX_REASON) throw tooMuch(limits);
    const unit = isEventSourcingError(error) ? error.details['unit'] : undefined;
    throw typeof unit === 'number'
      ? invalid(`units.${unit}`, 'is no packed unit of this kind')
      : invalid('', 'the body is not packed units of this kind');
  }
}

function checkTexts({ events, scopes, origin }: Unit & Partial<Pick<LostUnit, 'origin'>>, path: string): void {
  if (origin !== undefined && !isStorableText(origin.author))
    throw invalid(`${path}.origin.author`, 'must have no zeros');
  scopes.forEach((scope, index) => {
    const isScope = scope !== '' && scope.length <= SCOPE_LENGTH_MAX && isStorableText(scope);
    if (!isScope)
      throw invalid(`${path}.scopes.${index}`, `must be 1 to ${SCOPE_LENGTH_MAX} characters, without zeros`);
  });
  events.forEach(({ topic }, index) => {
    const isTopic = topic !== '' && topic.length <= TOPIC_LENGTH_MAX && isStorableText(topic);
    if (!isTopic) {
      throw invalid(`${path}.events.${index}.topic`, `must be 1 to ${TOPIC_LENGTH_MAX} characters, without zeros`);
    }
  });
}

/**
 * Runs what takes units, and says which of them it was that the log refuses as none.
 *
 * @throws InvalidRequestError (`INVALID_REQUEST`) with its `path`
 */
export async function namingUnit<T>(units: readonly Unit[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const id = isEventSourcingError(error) && error.code === 'PROGRAMMING_ERROR' ? error.details['unitId'] : undefined;
    const index = units.findIndex((unit) => unit.id === id);
    if (index === -1) throw error;
    throw invalid(`units.${index}`, (error as Error).message);
  }
}

function tooMuch({ events, bytes, unitEvents, unitBytes }: SyncLimits): TooLargeError {
  return new TooLargeError(
    `A request may have ${events} events and ${bytes} bytes at most, and a unit that is alone ${unitEvents} and ${unitBytes}.`,
    { details: { events, bytes, unitEvents, unitBytes } },
  );
}
