/**
 * What is kept of a store that follows the log anew, and of what was set aside because it could not be seen.
 *
 * @module
 */
import { uuidToBytes } from '../../util/uuid-bytes.js';
import { placed } from '../journal/placed-unit.js';
import type { PageStep, Restoring, UnitPlace } from '../journal/sync-change.js';
import type { PlannedChange } from '../journal/unit-tables.js';
import type { StoredEvent } from '../stored-event.js';
import { editionOf } from '../unit-edition.js';
import type { EditionId, PendingUnit, Unit, UnitId } from '../unit.js';
import { tailsOf } from './sqlite-decide-plan.js';
import type { DecidingState } from './sqlite-decide-plan.js';
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase, SqliteRow, SqliteValue } from './sqlite-driver.js';
import { SqliteMarks } from './sqlite-marks.js';
import type { SqliteStatements } from './sqlite-statements.js';

/** A unit that was set aside, and what it stood on, as JSON. */
export interface AsideUnit {
  readonly place: UnitPlace;
  readonly unit: Omit<Unit, 'events'>;
  readonly events: readonly StoredEvent[];
  readonly rest: SqliteRow;
}

/** What the return of units is planned on. */
export interface ReturningState extends Pick<DecidingState, 'maxNotificationId' | 'maxVersions' | 'placeOf'> {
  /** Some of those that were set aside after a place, and left what they stood on. */
  asideAfter(place: UnitPlace): readonly AsideUnit[];
}

/** The rows of one database. */
export class SqliteAnew {
  readonly #statements: SqliteStatements;
  readonly #marks: SqliteMarks;

  /** @param database - lent */
  constructor(database: SqliteDatabase) {
    this.#statements = statementsOf(database);
    this.#marks = new SqliteMarks(database);
  }

  /** The position of the mark that the store has come to on its way anew, 0 at the start; undefined when it is not on it. */
  at(): number | undefined {
    return this.#marks.noted('anewAt');
  }

  begin(): void {
    // What is missing of a bootstrap comes on this way.
    this.#marks.note('bootstrap', undefined);
    this.#goTo(0);
  }

  /** The store has gone back: what it has of the log after that is lost, and what it has before it is to be seen once more. */
  rewound(position: number): void {
    if (this.at() !== undefined) this.#goTo(position === 0 ? undefined : 0);
  }

  goOn({ anew, position }: PageStep): void {
    if (anew === 'no') return;
    const isEnd = anew === 'ends';
    this.#goTo(isEnd ? undefined : position);
    if (isEnd) this.#marks.note('returnAt', 0);
  }

  /** Each page on this way asks what stands between its ends; nobody else does, so others need not keep an index for it. */
  #goTo(position: number | undefined): void {
    this.#marks.note('anewAt', position);
    this.#run(
      position === undefined
        ? 'DROP INDEX IF EXISTS daybook_units_anew'
        : 'CREATE INDEX IF NOT EXISTS daybook_units_anew ON daybook_units (position)',
    );
  }

  /** Remembers what a unit stands on that is about to be set aside. */
  keepPlaces(id: UnitId, after: PendingUnit['after']): void {
    this.#run('INSERT OR REPLACE INTO daybook_aside_places VALUES (?, ?)', [
      uuidToBytes(id),
      JSON.stringify(after.map((edition) => edition ?? null)),
    ]);
  }

  /** As `UnitTables.planReturn`. */
  planReturn(state: ReturningState, nowMs: number): PlannedChange<boolean> {
    const from = this.#marks.noted('returnAt');
    if (from === undefined) return { outcome: false, change: undefined };
    const aside = state.asideAfter(from);
    const tails = tailsOf(state, aside);
    const units: Restoring[] = [];
    for (const { place, unit, events, rest } of aside) {
      const [after] = rest as [string];
      const places = (JSON.parse(after) as (EditionId | null)[]).map((edition) => edition ?? undefined);
      const back = placed({ ...unit, events, firstNotificationId: place, after: places }, tails);
      if (back === undefined) continue;
      units.push({ ...back, reason: undefined });
      for (const { originatorId, originatorVersion: version } of back.events)
        tails.set(originatorId, { version, edition: editionOf(back) });
    }
    const next = aside.at(-1)?.place ?? 0;
    const step = { kind: 'return', next, firstNotificationId: state.maxNotificationId + 1, units } as const;
    return { outcome: next > 0, change: { atMs: nowMs, setAside: [], step } };
  }

  /** @param next - the place to go on after; 0 when nothing is left to look at */
  returned(next: UnitPlace): void {
    this.#marks.note('returnAt', next === 0 ? undefined : next);
    // Whichever way they have left.
    this.#run('DELETE FROM daybook_aside_places WHERE unit_id NOT IN (SELECT unit_id FROM daybook_set_aside)');
  }

  #run(sql: string, parameters: readonly SqliteValue[] = []): void {
    this.#statements.run(sql, parameters);
  }
}
