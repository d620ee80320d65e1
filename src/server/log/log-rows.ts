/**
 * What rows of a log in tables are, whichever database they come from: ids as texts, bytes as hex digits.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { toSafeInteger } from '../../persistence/postgres/postgres-rows.js';
import type { SqlRow } from '../../persistence/sql/sql-queryable.js';
import { unpackLostUnits, unpackPendingUnits } from '../../persistence/unit-batch.js';
import type { EditionId, LostUnit, UnitId } from '../../persistence/unit.js';
import { bytesToUuid, UUID_BYTES } from '../../util/uuid-bytes.js';
import type { KnownUnit } from './decide-units.js';
import type { IdGap, LogStanding, SeenUnits, SetAsideRow, UnitRow, Waiting } from './log-storage.js';
import { movedAway } from './moved-away.js';
import { textOf } from './text-of.js';
import type { RefusedUnit } from './unit-log.js';
import { DUE } from './waiting-offers.js';

/** UTF-16 code units of what an operator says no with. */
export const REASON_LENGTH_MAX = 2_000;

export function toStanding(rows: readonly SqlRow[]): LogStanding {
  const row = rows[0];
  if (row === undefined) throw new ProgrammingError('The log has no head. Call createTables() first.');
  const filled = row['filled'];
  const position = toSafeInteger(row, 'position');
  if (position < 0) throw movedAway();
  return {
    head: {
      position,
      chain: textOf(row, 'chain'),
      lastId: toSafeInteger(row, 'last_id'),
    },
    maxId: toSafeInteger(row, 'max_id'),
    filled: typeof filled === 'string' ? filled.split(',').map(toGap) : [],
    waiting: toWaiting(row['awaited']),
  };
}

function toGap(text: string): IdGap {
  const [first, last] = text.split('-').map(Number) as [number, number];
  return { first, last };
}

export function toKnown(rows: readonly SqlRow[]): ReadonlyMap<UnitId, KnownUnit> {
  return new Map(
    rows.map((row) => {
      const author = textOf(row, 'author');
      const known: KnownUnit =
        row['position'] === null
          ? { kind: 'rejected', code: textOf(row, 'code'), message: textOf(row, 'message'), author }
          : { kind: 'accepted', position: toSafeInteger(row, 'position'), author };
      return [textOf(row, 'unit_id'), known];
    }),
  );
}

export function toUnitRow(row: SqlRow): UnitRow {
  const { scopes, edition } = row;
  return {
    id: textOf(row, 'unit_id'),
    ...(typeof edition === 'string' ? { edition } : {}),
    position: toSafeInteger(row, 'position'),
    lastId: toSafeInteger(row, 'last_id'),
    count: toSafeInteger(row, 'count'),
    bytes: toSafeInteger(row, 'bytes'),
    chain: textOf(row, 'chain'),
    isCommutative: row['is_commutative'] === true,
    scopes: typeof scopes === 'string' ? (JSON.parse(scopes) as string[]) : [],
    after: fromAfterHex(textOf(row, 'after')),
    author: textOf(row, 'author'),
    replicaId: textOf(row, 'replica'),
    recordedAtMs: toSafeInteger(row, 'recorded_at_ms'),
  };
}

// The places one after the other, 16 bytes each; none is all zeros, which no unit is.
const NOWHERE = '0'.repeat(UUID_BYTES * 2);

/** What a unit stands on, one edition after the other. */
export function toAfterHex(after: UnitRow['after']): string {
  return after.map((unit) => unit?.replaceAll('-', '') ?? NOWHERE).join('');
}

function fromAfterHex(hex: string): UnitRow['after'] {
  const places = hex.match(/.{32}/g) ?? [];
  return places.map((place) => (place === NOWHERE ? undefined : bytesToUuid(fromHex(place))));
}

export function toSeen(rows: readonly SqlRow[]): SeenUnits {
  const ends = rows.filter(({ version }) => version !== null);
  return {
    known: toKnown(rows.filter(({ version }) => version === null)),
    ends: new Map(
      ends.map((row) => [
        textOf(row, 'originator_id'),
        { version: toSafeInteger(row, 'version'), edition: textOf(row, 'unit_id') },
      ]),
    ),
  };
}

export function toEdition({ unit_id: id }: SqlRow): EditionId | undefined {
  return typeof id === 'string' ? id : undefined;
}

export function toSetAsideRow(row: SqlRow): SetAsideRow {
  const { awaits } = row;
  return {
    unit: unpackLostUnits(fromHex(textOf(row, 'unit')))[0] as LostUnit,
    ...{ code: textOf(row, 'code'), message: textOf(row, 'message') },
    ...{ offeredBy: textOf(row, 'offered_by'), offeredAtMs: toSafeInteger(row, 'offered_at_ms') },
    ...(typeof awaits === 'string' ? { awaits } : {}),
  };
}

/** @param awaited - the least that something awaits */
function toWaiting(awaited: unknown): Waiting {
  return awaited === DUE ? 'due' : typeof awaited === 'string' ? 'some' : 'none';
}

export function toRefusedUnit(row: SqlRow): RefusedUnit {
  const { unit, kind } = row;
  const unpack = kind === 'offered' ? unpackLostUnits : unpackPendingUnits;
  return {
    id: textOf(row, 'unit_id'),
    kind: kind === 'offered' ? 'offered' : 'rejected',
    unit: typeof unit === 'string' ? unpack(fromHex(unit))[0] : undefined,
    ...{ code: textOf(row, 'code'), message: textOf(row, 'message') },
    ...{ subject: textOf(row, 'subject'), replicaId: textOf(row, 'replica'), atMs: toSafeInteger(row, 'at_ms') },
  };
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
