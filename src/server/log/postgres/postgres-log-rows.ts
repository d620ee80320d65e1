/**
 * Rows of a log in PostgreSQL, written as columns.
 *
 * @module
 */
import { storableText } from '../../../persistence/storable-text.js';
import { REASON_LENGTH_MAX, toAfterHex } from '../log-rows.js';
import type { EventPlace, HopedUnits, LogHead, PushSubjects, RejectedRow, UnitRow } from '../log-storage.js';

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

export function subjectColumns({ ids, aggregates }: PushSubjects): unknown[] {
  return [arrayOf(ids), [...aggregates]];
}

/** As the statement wants them. */
export function hopedColumns(head: LogHead, { ids, aggregates, known, ends }: HopedUnits): unknown[] {
  const followed = [...known];
  return [
    ...[head.position, head.chain, head.lastId],
    ...subjectColumns({ ids, aggregates }),
    arrayOf(aggregates.map((id) => ends.get(id)?.version ?? 'NULL')),
    arrayOf(aggregates.map((id) => ends.get(id)?.edition ?? 'NULL')),
    arrayOf(followed.map(([id]) => id)),
    followed.map(([, { author }]) => author),
  ];
}

export function placeColumns(places: readonly EventPlace[]): unknown[] {
  return [places.map(({ originatorId }) => originatorId), places.map(({ originatorVersion }) => originatorVersion)];
}
