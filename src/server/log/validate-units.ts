/**
 * Refuses malformed units, cursors and visibilities before a database is asked.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { SCOPE_LENGTH_MAX, UNIT_SCOPES_MAX } from '../../persistence/unit.js';
import { isDerivedEdition } from '../../persistence/unit-edition.js';
import type { Cursor, LostUnit, PendingUnit, Unit } from '../../persistence/unit.js';
import { isStorableText, validateEvents } from '../../persistence/validation.js';
import type { OriginatorIdType } from '../../persistence/validation.js';
import { isCanonicalUuid } from '../../util/uuid-bytes.js';
import { firstOfAggregates } from './decide-units.js';
import type { Visibility } from './unit-log.js';

const CURSOR_LENGTH_MAX = 200;
const NIL = '00000000-0000-0000-0000-000000000000';
// Of what is left in a cursor.
const VISIBILITY_ID = /^[\w-]{1,100}$/;

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a unit cannot be stored as it is */
export function validatePendingUnits(units: readonly PendingUnit[], idType: OriginatorIdType): void {
  for (const unit of units) {
    naming(unit, () => {
      validateUnit(unit, idType);
      validatePlaces(unit);
    });
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a unit cannot be one that a log had */
export function validateLostUnits(units: readonly LostUnit[], idType: OriginatorIdType): void {
  for (const unit of units) {
    naming(unit, () => validateUnit(unit, idType));
    validatePlaces(unit);
    const { position, total, events, origin } = unit;
    const fits = total >= events.length && position >= total;
    if (!fits || ![position, total, origin.recordedAtMs].every((count) => Number.isSafeInteger(count) && count >= 0)) {
      refuse(unit, 'no place in a log');
    }
    if (!isStorableText(origin.author)) refuse(unit, 'an author that is no text');
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no text of up to 200 characters */
export function validateCursor(cursor: Cursor): void {
  if (typeof cursor === 'string' && cursor.length <= CURSOR_LENGTH_MAX) return;
  throw new ProgrammingError(`A cursor is a text of up to ${CURSOR_LENGTH_MAX} characters.`);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when its id cannot be a part of a cursor */
export function validateVisibility(visibility: Visibility | undefined): void {
  if (visibility === undefined || VISIBILITY_ID.test(visibility.id)) return;
  throw new ProgrammingError('The id of a visibility is 1 to 100 letters, digits, _ and -: a hash of it, for example.');
}

function validateUnit(unit: Unit, idType: OriginatorIdType): void {
  const { id, events, scopes } = unit;
  if (typeof id !== 'string' || !isCanonicalUuid(id) || id === NIL)
    refuse(unit, 'an id that is no UUID in canonical form');
  if (isDerivedEdition(id)) refuse(unit, 'an id that only an edition has');
  if (events.length === 0) refuse(unit, 'no events');
  validateEvents(events, idType);
  const isScope = (scope: unknown): boolean =>
    typeof scope === 'string' && scope !== '' && scope.length <= SCOPE_LENGTH_MAX && isStorableText(scope);
  if (scopes.length > UNIT_SCOPES_MAX || !scopes.every(isScope)) refuse(unit, 'scopes that are none');
}

function validatePlaces(unit: PendingUnit | LostUnit): void {
  const isPlace = (id: unknown): boolean => id === undefined || (typeof id === 'string' && isCanonicalUuid(id));
  if (unit.after.length !== firstOfAggregates(unit.events).length || !unit.after.every(isPlace)) {
    refuse(unit, 'not one unit for each of its aggregates that it stands on');
  }
}

/** Says of which unit it is that something is refused. */
function naming({ id }: Unit, validate: () => void): void {
  try {
    validate();
  } catch (error) {
    if (!(error instanceof ProgrammingError) || 'unitId' in error.details) throw error;
    throw new ProgrammingError(error.message, { cause: error, details: { ...error.details, unitId: id } });
  }
}

function refuse({ id }: { readonly id: unknown }, what: string): never {
  const unitId = String(id).slice(0, 80);
  throw new ProgrammingError(`Unit ${unitId} has ${what}. Nothing was stored.`, { details: { unitId } });
}
