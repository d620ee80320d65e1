/**
 * Units as rows of their tables (`sqlite-schema.ts`).
 *
 * @module
 */
import { bytesToUuid, uuidToBytes } from '../../util/uuid-bytes.js';
import type { UnitPlace } from '../journal/sync-change.js';
import type { Confirmation, Unit } from '../unit.js';
import type { UnitStanding } from '../unit-recorder.js';
import type { SqliteRow, SqliteValue } from './sqlite-driver.js';
import { FLAG_COMMUTATIVE, FLAG_LOST } from './sqlite-unit-rows.js';

/** What {@link toReadUnit} takes, of a table `u`. */
export const UNIT_COLUMNS = 'u.first_id, u.events, u.unit_id, u.flags, u.scopes, u.edition';
/** What {@link toConfirmation} takes, of a table `u`. */
export const CONFIRMATION_COLUMNS = 'u.position, u.total, u.author, u.recorded_at_ms, u.seal';
/** Takes what {@link fromUnit} makes: a unit that is pending. */
export const INSERT_PENDING_SQL =
  'INSERT INTO daybook_units (first_id, events, unit_id, flags, scopes, edition) VALUES (?, ?, ?, ?, ?, ?)';

/** What {@link toStanding} takes as flags of those that are not there any more. */
export const FLAGS_SUPERSEDED = -1;
export const FLAGS_LEFT = -2;

/** A row of those that begin with {@link UNIT_COLUMNS}. */
export interface ReadUnit {
  readonly place: UnitPlace;
  readonly count: number;
  readonly unit: Omit<Unit, 'events'>;
  readonly rest: SqliteRow;
}

export function toReadUnit([place, count, id, flags, scopes, edition, ...rest]: SqliteRow): ReadUnit {
  return {
    place: place as number,
    count: count as number,
    unit: {
      id: bytesToUuid(id as Uint8Array),
      ...(edition === null ? {} : { edition: bytesToUuid(edition as Uint8Array) }),
      isCommutative: ((flags as number) & FLAG_COMMUTATIVE) !== 0,
      scopes: toScopes(scopes as string | null),
    },
    rest,
  };
}

/** The values of {@link UNIT_COLUMNS}. @param flags - beside those that the unit says itself */
export function fromUnit(place: UnitPlace, unit: Unit, flags = 0): SqliteValue[] {
  return [
    ...[place, unit.events.length, uuidToBytes(unit.id), flagsOf(unit) | flags, fromScopes(unit.scopes)],
    unit.edition === undefined ? null : uuidToBytes(unit.edition),
  ];
}

export function toConfirmation([position, total, author, recordedAtMs, seal]: SqliteRow): Confirmation {
  return {
    position: position as number,
    total: total as number,
    // Some drivers have no empty blob.
    origin: {
      author: author as string,
      recordedAtMs: recordedAtMs as number,
      seal: (seal as Uint8Array | null) ?? new Uint8Array(0),
    },
  };
}

/** The values of {@link CONFIRMATION_COLUMNS}. */
export function fromConfirmation({ position, total, origin }: Confirmation): SqliteValue[] {
  return [position, total, origin.author, origin.recordedAtMs, origin.seal];
}

/** Of id, place, flags (negative where it is not there any more), position, code and message. */
export function toStanding([id, place, flags, position, code, message]: SqliteRow): UnitStanding {
  return {
    id: bytesToUuid(id as Uint8Array),
    firstNotificationId: place as number,
    state: stateOf(flags as number, position !== null, code !== null),
    position: (position as number | null) ?? undefined,
    reason: code === null ? undefined : { code: code as string, message: message as string },
  };
}

function stateOf(flags: number, hasPosition: boolean, hasReason: boolean): UnitStanding['state'] {
  if (flags === FLAGS_LEFT) return hasPosition ? 'left' : 'discarded';
  if (flags === FLAGS_SUPERSEDED) return 'withdrawn';
  if (hasReason) return 'setAside';
  if (flags >= FLAG_LOST) return 'lost';
  return hasPosition ? 'confirmed' : 'pending';
}

export function flagsOf({ isCommutative }: Pick<Unit, 'isCommutative'>): number {
  return isCommutative ? FLAG_COMMUTATIVE : 0;
}

/** None is NULL: it is so in nearly every row. */
export function fromScopes(scopes: readonly string[]): string | null {
  return scopes.length === 0 ? null : JSON.stringify(scopes);
}

export function toScopes(scopes: string | null): string[] {
  return scopes === null ? [] : (JSON.parse(scopes) as string[]);
}
