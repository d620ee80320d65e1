/**
 * Rows of a log in PostgreSQL: what is written as columns, and what is read of rows.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { toSafeInteger } from '../../persistence/postgres/postgres-rows.js';
import type { SqlRow } from '../../persistence/sql/sql-queryable.js';
import { storableText } from '../../persistence/storable-text.js';
import type { EditionId, UnitId } from '../../persistence/unit.js';
import { bytesToUuid, UUID_BYTES } from '../../util/uuid-bytes.js';
import type { KnownUnit } from './decide-units.js';
import { movedAway } from './moved-away.js';
import type { EventPlace, IdGap, LogStanding, PushSubjects, RejectedRow, SeenUnits, UnitRow } from './log-storage.js';
import { fromHex, REASON_LENGTH_MAX, toWaiting } from './postgres-refused.js';
import { textOf } from './text-of.js';

/** Columns as literals of arrays, where nothing in them needs quotes: a client would quote each of thousands. */
export function unitColumns(rows: readonly UnitRow[]): unknown[] {
  const scopes = new Distinct();
  const origins = new Distinct();
  const scopesOf = rows.map((row) => (row.scopes.length === 0 ? 0 : scopes.place(JSON.stringify(row.scopes))));
  const originsOf = rows.map((row) => origins.place(`${row.recordedAtMs} ${row.replicaId} ${row.author}`));
  const distinct = origins.texts.map((_, index) => rows[originsOf.indexOf(index + 1)] as UnitRow);
  return [
    arrayOf(rows.map(({ id }) => id)),
    arrayOf(rows.map(({ position }) => position)),
    arrayOf(rows.map(({ lastId }) => lastId)),
    arrayOf(rows.map(({ count }) => count)),
    arrayOf(rows.map(({ bytes }) => bytes)),
    arrayOf(rows.map(({ chain }) => chain)),
    arrayOf(rows.map(({ isCommutative }) => (isCommutative ? 't' : 'f'))),
    arrayOf(scopesOf),
    arrayOf(rows.map(({ after }) => toAfterHex(after))),
    scopes.texts,
    distinct.map(({ author }) => author),
    distinct.map(({ replicaId }) => replicaId),
    distinct.map(({ recordedAtMs }) => recordedAtMs),
    arrayOf(originsOf),
    arrayOf(rows.map(({ edition = 'NULL' }) => edition)),
  ];
}

/** The literal of an array of numbers, ids or hex digits. */
export function arrayOf(items: readonly (string | number)[]): string {
  return `{${items.join(',')}}`;
}

/** Texts, each once, by their places in an array of PostgreSQL, which begins at 1. */
class Distinct {
  readonly texts: string[] = [];
  readonly #places = new Map<string, number>();

  place(text: string): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.texts.push(text);
    this.#places.set(text, place);
    return place;
  }
}

export function rejectedColumns(rows: readonly RejectedRow[]): unknown[] {
  return [
    rows.map(({ id }) => id),
    rows.map(({ code }) => storableText(code, REASON_LENGTH_MAX)),
    rows.map(({ message }) => storableText(message, REASON_LENGTH_MAX)),
    rows.map(({ author }) => author),
    rows.map(({ replicaId }) => replicaId),
    rows.map(({ recordedAtMs }) => recordedAtMs),
  ];
}

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

function toAfterHex(after: UnitRow['after']): string {
  return after.map((unit) => unit?.replaceAll('-', '') ?? NOWHERE).join('');
}

function fromAfterHex(hex: string): UnitRow['after'] {
  const places = hex.match(/.{32}/g) ?? [];
  return places.map((place) => (place === NOWHERE ? undefined : bytesToUuid(fromHex(place))));
}

export function subjectColumns({ ids, aggregates }: PushSubjects): unknown[] {
  return [arrayOf(ids), [...aggregates]];
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

export function placeColumns(places: readonly EventPlace[]): unknown[] {
  return [places.map(({ originatorId }) => originatorId), places.map(({ originatorVersion }) => originatorVersion)];
}

export function toEdition({ unit_id: id }: SqlRow): EditionId | undefined {
  return typeof id === 'string' ? id : undefined;
}
