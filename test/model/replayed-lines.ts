/**
 * The tables of a store as lines (`trace.ts`).
 *
 * @module
 */
import type { DurableRecorder } from '../../src/persistence/journal/durable-recorder.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { FLAG_COMMUTATIVE, FLAG_FOREIGN, FLAG_LOST } from '../../src/persistence/sqlite/sqlite-unit-rows.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import type { ReplayNames } from './replay-names.js';
import { placeName } from './replayed-log.js';
import { kindOf, line } from './trace-lines.js';
import type { Line } from './trace.js';

const eventsSql = (table: string): string =>
  `(SELECT json_group_array(json_array(notification_id, hex(originator_id), originator_version, topic,
    CAST(state AS TEXT))) FROM ${table})`;
/** All of it at once, as JSON: each value that is given to a caller takes a call. */
const SQL = `SELECT
  (SELECT json_group_array(json_array(first_id, events, hex(unit_id), flags, hex(coalesce(edition, unit_id)), position,
    total, author)) FROM (SELECT * FROM daybook_units ORDER BY first_id)) AS units,
  (SELECT json_group_array(json_array(first_id, events, hex(u.unit_id), flags, hex(coalesce(edition, u.unit_id)), code,
    p.after)) FROM daybook_set_aside AS u LEFT JOIN daybook_aside_places AS p ON p.unit_id = u.unit_id) AS aside,
  ${eventsSql('stored_events')} AS here, ${eventsSql('daybook_set_aside_events')} AS away,
  (SELECT json_group_array(json_array(hex(originator_id), version, position, hex(edition))) FROM daybook_bases) AS bases`;

type UnitRow = readonly [first: number, count: number, id: string, flags: number, edition: string];
type HereRow = readonly [...UnitRow, position: number | null, total: number, author: string];
type AsideRow = readonly [...UnitRow, code: string, after: string | null];
type EventRow = readonly [id: number, originatorId: string, version: number, topic: string, state: string];
type BaseRow = readonly [originatorId: string, version: number, position: number, edition: string];

export async function storeLines(recorder: DurableRecorder, names: ReplayNames): Promise<Line[]> {
  const { cursor, held, marks } = await recorder.syncProgress();
  const [row] = (await recorder.query(SQL)).rows;
  const rowsOf = (what: string): unknown => JSON.parse(String(row?.[what]));
  const [here, away] = [eventsAt(rowsOf('here') as EventRow[]), eventsAt(rowsOf('away') as EventRow[])];
  const units = rowsOf('units') as readonly HereRow[];
  const nameOf = (unit: readonly [...UnitRow, ...unknown[]], events: readonly StoredEvent[]): string =>
    names.unitName(uuidOf(unit[2]), events);
  const pending = units.filter((unit) => unit[5] === null);
  return [
    line(['at'], [placeName(cursor)]),
    line(['holds'], held.map(placeName)),
    line(['marks'], marks.filter((mark) => mark !== CURSOR_START).map(placeName)),
    line(['queue', ...pending.map((unit) => nameOf(unit, here(unit)))]),
    ...units.map((unit) => {
      const [, , , flags, edition, position, total, author] = unit;
      const events = here(unit);
      const status = position === null ? 'pending' : (flags & FLAG_LOST) !== 0 ? 'lost' : 'confirmed';
      const where = position === null ? [] : [position, total, `by:${author}`];
      const said = [...kindsOf(flags), ...where, ...events.map((event) => names.eventText(event))];
      return line([status, nameOf(unit, events), ...said], [editionName(edition)]);
    }),
    ...(rowsOf('aside') as readonly AsideRow[]).map((unit) => {
      const [, , , flags, edition, code, after] = unit;
      const events = away(unit);
      const places = (JSON.parse(after ?? '[]') as (string | null)[]).map((place) =>
        place === null ? 'nothing' : `edition:${place}`,
      );
      const said = [...kindsOf(flags), ...events.map((event) => names.eventText(event))];
      return line(['aside', nameOf(unit, events), code, ...said], [editionName(edition), ...places]);
    }),
    ...(rowsOf('bases') as readonly BaseRow[]).map(([originatorId, version, position, edition]) =>
      line(['base', names.aggregate(uuidOf(originatorId)), version, position], [editionName(edition)]),
    ),
  ];
}

function kindsOf(flags: number): string[] {
  return [(flags & FLAG_FOREIGN) === 0 ? 'own' : 'others', kindOf((flags & FLAG_COMMUTATIVE) !== 0)];
}

function editionName(hex: string): string {
  return `edition:${uuidOf(hex)}`;
}

function uuidOf(hex: string): string {
  return hex.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** @returns the events of a unit, those that are there */
function eventsAt(rows: readonly EventRow[]): (unit: readonly [...UnitRow, ...unknown[]]) => readonly StoredEvent[] {
  const encoder = new TextEncoder();
  const events = new Map(
    rows.map(([id, originatorId, originatorVersion, topic, state]) => [
      id,
      { originatorId: uuidOf(originatorId), originatorVersion, topic, state: encoder.encode(state) },
    ]),
  );
  return ([first, count]) =>
    Array.from({ length: count }, (_, index) => events.get(first + index)).filter((event) => event !== undefined);
}
